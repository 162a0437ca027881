//! What there is to wait for when the controller was asked for something by a write to a source. Pure.
use crate::sources::Known;
use crds::rules::FieldError;

/// How things stand with what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outlook {
    /// It will not come as things are.
    Hopeless(Obstacle),
    /// It has not come yet.
    Pending,
    /// It has come.
    Settled,
}

/// What is in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// The source is being deleted.
    Leaving,
    /// `spec.suspend` is set.
    Suspended,
    /// The spec breaks these rules.
    Invalid(Vec<FieldError>),
    /// Somebody else has asked for something else meanwhile.
    Overruled,
    /// What was asked for is stored no longer, in the words of the controller.
    Gone(String),
}

/// What keeps the controller from doing anything at all.
pub(crate) fn obstacle(known: &Known) -> Option<Obstacle> {
    if known.source.metadata.deletion_timestamp.is_some() {
        return Some(Obstacle::Leaving);
    }
    if known.is_suspended {
        return Some(Obstacle::Suspended);
    }
    (!known.broken.is_empty()).then(|| Obstacle::Invalid(known.broken.clone()))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crds::ExternalSource;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use serde_json::json;

    /// A source that nothing is wrong with.
    pub(crate) fn source() -> ExternalSource {
        let spec = json!({ "interval": "10m", "generator": { "type": "http", "http": { "url": "https://x.example" } } });
        ExternalSource::new("one", serde_json::from_value(spec).unwrap())
    }

    #[test]
    fn nobody_waits_for_a_pass_that_cannot_come() {
        assert_eq!(obstacle(&Known::new(source())), None);
        let mut suspended = source();
        suspended.spec.suspend = Some(true);
        assert_eq!(obstacle(&Known::new(suspended.clone())), Some(Obstacle::Suspended));
        suspended.metadata.deletion_timestamp = Some(Time(jiff::Timestamp::UNIX_EPOCH));
        assert_eq!(obstacle(&Known::new(suspended)), Some(Obstacle::Leaving));
        let mut broken = source();
        broken.spec.interval = "1s".into();
        let Some(Obstacle::Invalid(why)) = obstacle(&Known::new(broken)) else { panic!("invalid") };
        assert_eq!(why[0].path, "spec.interval");
    }
}
