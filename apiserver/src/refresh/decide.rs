//! What there is to wait for. Pure.
use crate::sources::Known;
use crds::rules::FieldError;

/// How things stand with the requests on a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outlook {
    /// No pass will end as things are.
    Hopeless(Obstacle),
    /// A pass is asked for that has not ended.
    Pending,
    /// Every pass that was asked for has ended.
    Settled,
}

/// What is in the way of a pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// The source is being deleted.
    Leaving,
    /// `spec.suspend` is set.
    Suspended,
    /// The spec breaks these rules.
    Invalid(Vec<FieldError>),
}

/// Looks at a source. A value of `requestedAt` is answered once `lastHandledReconcileAt` equals it, whatever became of the
/// pass.
pub(crate) fn look(known: &Known) -> Outlook {
    if known.source.metadata.deletion_timestamp.is_some() {
        return Outlook::Hopeless(Obstacle::Leaving);
    }
    if known.is_suspended {
        return Outlook::Hopeless(Obstacle::Suspended);
    }
    if !known.broken.is_empty() {
        return Outlook::Hopeless(Obstacle::Invalid(known.broken.clone()));
    }
    let handled = known.source.status.as_ref().and_then(|status| status.last_handled_reconcile_at.as_ref());
    match &known.requested {
        Some(requested) if handled != Some(requested) => Outlook::Pending,
        _ => Outlook::Settled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crds::{ExternalSource, ExternalSourceStatus, annotations::REQUESTED_AT};
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use serde_json::json;

    fn source(requested: Option<&str>, handled: Option<&str>) -> ExternalSource {
        let spec = json!({ "interval": "10m", "generator": { "type": "http", "http": { "url": "https://x.example" } } });
        let mut source = ExternalSource::new("one", serde_json::from_value(spec).unwrap());
        let annotation = requested.map(|value| (REQUESTED_AT.to_owned(), value.to_owned()));
        source.metadata.annotations = Some(annotation.into_iter().collect());
        let last_handled_reconcile_at = handled.map(str::to_owned);
        source.status = Some(ExternalSourceStatus { last_handled_reconcile_at, ..Default::default() });
        source
    }

    #[test]
    fn a_request_is_pending_until_the_status_shows_it() {
        for (requested, handled, expected) in [
            (None, None, Outlook::Settled),
            (None, Some("1"), Outlook::Settled),
            (Some("1"), None, Outlook::Pending),
            (Some("2"), Some("1"), Outlook::Pending),
            (Some("2"), Some("2"), Outlook::Settled),
        ] {
            assert_eq!(look(&Known::new(source(requested, handled))), expected, "{requested:?} {handled:?}");
        }
    }

    #[test]
    fn nobody_waits_for_a_pass_that_cannot_come() {
        let mut suspended = source(Some("1"), None);
        suspended.spec.suspend = Some(true);
        assert_eq!(look(&Known::new(suspended.clone())), Outlook::Hopeless(Obstacle::Suspended));
        suspended.metadata.deletion_timestamp = Some(Time(jiff::Timestamp::UNIX_EPOCH));
        assert_eq!(look(&Known::new(suspended)), Outlook::Hopeless(Obstacle::Leaving));
        let mut broken = source(None, None);
        broken.spec.interval = "1s".into();
        let Outlook::Hopeless(Obstacle::Invalid(why)) = look(&Known::new(broken)) else { panic!("invalid") };
        assert_eq!(why[0].path, "spec.interval");
    }
}
