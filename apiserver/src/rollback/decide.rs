//! Whether a pin is obeyed. Pure.
use crate::{
    outlook::{Obstacle, Outlook, obstacle},
    sources::Known,
};
use crds::conditions::{self, PINNED};

/// Looks at a source whose spec had this pin when its generation was `since`: what the controller says of an earlier one counts
/// for nothing.
pub(crate) fn look(known: &Known, pin: Option<&str>, since: Option<i64>) -> Outlook {
    if let Some(obstacle) = obstacle(known) {
        return Outlook::Hopeless(obstacle);
    }
    if known.pin.as_deref() != pin {
        return Outlook::Hopeless(Obstacle::Overruled);
    }
    let Some(status) = &known.source.status else { return Outlook::Pending };
    let told = conditions::find(&status.conditions, PINNED);
    let Some(pin) = pin else {
        let is_free = told.is_none() && status.waiting_artifact.is_none();
        return if is_free { Outlook::Settled } else { Outlook::Pending };
    };
    match told.filter(|told| told.observed_generation >= since) {
        Some(told) if told.status != "True" => Outlook::Hopeless(Obstacle::Gone(told.message.clone())),
        Some(_) if status.artifact.as_ref().is_some_and(|artifact| artifact.digest == pin) => {
            Outlook::Settled
        }
        _ => Outlook::Pending,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outlook::tests::source;
    use crds::{
        ExternalSource, ExternalSourceStatus,
        conditions::{Said, set},
        external_source::Artifact,
        reasons,
    };
    use jiff::Timestamp;

    const OLD: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
    const NEW: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";

    fn artifact(digest: &str) -> Option<Artifact> {
        Some(Artifact { digest: digest.into(), ..Artifact::default() })
    }

    /// Pinned to the old revision in generation 2, of which the controller says that in that generation.
    fn pinned(published: &str, (kept, generation): (bool, i64)) -> ExternalSource {
        let mut source = source();
        source.metadata.generation = Some(2);
        source.spec.pin = Some(format!("latest@{OLD}"));
        let mut status = ExternalSourceStatus { artifact: artifact(published), ..Default::default() };
        let said = Said { type_: PINNED, status: kept, reason: reasons::PINNED, message: "so it is".into() };
        set(&mut status.conditions, said, Some(generation), Timestamp::UNIX_EPOCH);
        source.status = Some(status);
        source
    }

    #[test]
    fn a_pin_is_obeyed_once_the_controller_says_so_of_that_generation() {
        let look = |source: ExternalSource| look(&Known::new(source), Some(OLD), Some(2));
        assert_eq!(look(pinned(OLD, (true, 2))), Outlook::Settled);
        assert_eq!(look(pinned(OLD, (true, 3))), Outlook::Settled);
        assert_eq!(look(pinned(OLD, (true, 1))), Outlook::Pending, "it speaks of an earlier pin");
        assert_eq!(look(pinned(NEW, (true, 2))), Outlook::Pending);
        let gone = Outlook::Hopeless(Obstacle::Gone("so it is".into()));
        assert_eq!(look(pinned(NEW, (false, 2))), gone);
        assert_eq!(look(pinned(NEW, (false, 1))), Outlook::Pending);
        assert_eq!(look(ExternalSource { status: None, ..pinned(OLD, (true, 2)) }), Outlook::Pending);
    }

    #[test]
    fn without_a_pin_nothing_waits_and_nothing_is_said() {
        let look = |source: ExternalSource| look(&Known::new(source), None, Some(3));
        let mut free = pinned(OLD, (true, 2));
        free.spec.pin = None;
        assert_eq!(look(free.clone()), Outlook::Pending, "the controller still speaks of it");
        let status = free.status.as_mut().expect("set above");
        status.conditions.clear();
        status.waiting_artifact = artifact(NEW);
        assert_eq!(look(free.clone()), Outlook::Pending, "the newest is not published");
        free.status.as_mut().expect("set above").waiting_artifact = None;
        assert_eq!(look(free), Outlook::Settled);
    }

    #[test]
    fn whoever_is_overruled_waits_no_longer() {
        let overruled = Outlook::Hopeless(Obstacle::Overruled);
        for pin in [None, Some(NEW)] {
            assert_eq!(look(&Known::new(pinned(OLD, (true, 2))), pin, Some(2)), overruled);
        }
        let mut suspended = pinned(OLD, (true, 2));
        suspended.spec.suspend = Some(true);
        let said = look(&Known::new(suspended), Some(OLD), Some(2));
        assert_eq!(said, Outlook::Hopeless(Obstacle::Suspended));
    }
}
