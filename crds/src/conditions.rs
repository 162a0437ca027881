//! Conditions as `kstatus` reads them, and the one way to change a list of them.
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// Sums everything up; `kubectl wait --for=condition=Ready` looks here.
pub const READY: &str = "Ready";
/// Work goes on towards the newest generation. Present only while true.
pub const RECONCILING: &str = "Reconciling";
/// Nothing will happen until somebody changes something. Present only while true.
pub const STALLED: &str = "Stalled";
/// Whether the artifact is published as Flux's ExternalArtifact. Present only where it is not.
pub const PUBLISHED: &str = "Published";

/// Whether the revision that `spec.pin` names is what is published. Present only while there is a pin.
pub const PINNED: &str = "Pinned";

/// A fetch has gone on for more than a second. Present only while true.
pub const FETCHING: &str = "Fetching";
/// The conditions that say what goes on beside [`RECONCILING`]; none outlives its pass.
pub const PHASES: &[&str] = &[FETCHING];

/// Longest message that is written; the schema of `metav1.Condition` allows 32 KiB, a person reads less.
const LONGEST_MESSAGE: usize = 1024;

/// What a condition should say. The list decides whether that is a transition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// One of the types above.
    pub type_: &'static str,
    /// True or false; *unknown* is what an absent condition means.
    pub status: bool,
    /// One of [`crate::reasons`].
    pub reason: &'static str,
    /// A sentence for people. Cut at 1,024 characters.
    pub message: String,
}

/// Sets a condition. `lastTransitionTime` moves only when the status does; returns whether anything changed.
pub fn set(conditions: &mut Vec<Condition>, said: Said, generation: Option<i64>, now: Timestamp) -> bool {
    let status = if said.status { "True" } else { "False" };
    let found = conditions.iter().position(|c| c.type_ == said.type_);
    let since = found
        .map(|i| &conditions[i])
        .filter(|old| old.status == status)
        .map_or_else(|| whole_seconds(now), |old| old.last_transition_time.clone());
    let new = Condition {
        type_: said.type_.into(),
        status: status.into(),
        reason: said.reason.into(),
        message: cut(said.message),
        observed_generation: generation,
        last_transition_time: since,
    };
    match found {
        Some(i) if conditions[i] == new => return false,
        Some(i) => conditions[i] = new,
        None => conditions.push(new),
    }
    true
}

/// Removes a condition; returns whether it was there.
pub fn remove(conditions: &mut Vec<Condition>, type_: &str) -> bool {
    let before = conditions.len();
    conditions.retain(|c| c.type_ != type_);
    conditions.len() != before
}

/// The condition of that type, if it is there.
pub fn find<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|c| c.type_ == type_)
}

/// The API server keeps whole seconds; writing more would make every comparison a change.
pub fn whole_seconds(now: Timestamp) -> Time {
    Time(Timestamp::from_second(now.as_second()).unwrap_or(now))
}

fn cut(message: String) -> String {
    match message.char_indices().nth(LONGEST_MESSAGE) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn later() -> Timestamp {
        Timestamp::from_second(60).expect("in range")
    }

    fn said(status: bool, message: &str) -> Said {
        Said { type_: READY, status, reason: "Tested", message: message.into() }
    }

    #[test]
    fn the_transition_time_moves_only_with_the_status() {
        let mut list = Vec::new();
        assert!(set(&mut list, said(true, "one"), Some(1), NOW));
        assert!(set(&mut list, said(true, "two"), Some(1), later()));
        assert_eq!(list[0].last_transition_time, Time(NOW));
        assert!(set(&mut list, said(false, "two"), Some(1), later()));
        assert_eq!(list[0].last_transition_time, Time(later()));
    }

    #[test]
    fn saying_the_same_again_changes_nothing() {
        let mut list = Vec::new();
        set(&mut list, said(true, "one"), Some(1), NOW);
        assert!(!set(&mut list, said(true, "one"), Some(1), later()));
    }

    #[test]
    fn a_removed_condition_is_gone_and_says_so_once() {
        let mut list = Vec::new();
        set(&mut list, said(true, "one"), None, NOW);
        assert!(remove(&mut list, READY));
        assert!(!remove(&mut list, READY));
    }
}
