//! Whether the passes that were asked for have ended. Pure.
use crate::{
    outlook::{Outlook, obstacle},
    sources::Known,
};

/// Looks at a source. A value of `requestedAt` is answered once `lastHandledReconcileAt` equals it, whatever became of the
/// pass.
pub(crate) fn look(known: &Known) -> Outlook {
    if let Some(obstacle) = obstacle(known) {
        return Outlook::Hopeless(obstacle);
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
    use crate::outlook::tests::source;
    use crds::{ExternalSourceStatus, annotations::REQUESTED_AT};

    fn known(requested: Option<&str>, handled: Option<&str>) -> Known {
        let mut source = source();
        let annotation = requested.map(|value| (REQUESTED_AT.to_owned(), value.to_owned()));
        source.metadata.annotations = Some(annotation.into_iter().collect());
        let last_handled_reconcile_at = handled.map(str::to_owned);
        source.status = Some(ExternalSourceStatus { last_handled_reconcile_at, ..Default::default() });
        Known::new(source)
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
            assert_eq!(look(&known(requested, handled)), expected, "{requested:?} {handled:?}");
        }
    }

    #[test]
    fn what_keeps_every_pass_away_makes_a_request_hopeless() {
        let mut suspended = source();
        suspended.spec.suspend = Some(true);
        assert!(matches!(look(&Known::new(suspended)), Outlook::Hopeless(_)));
    }
}
