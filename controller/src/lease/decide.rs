//! Whose turn it is. Pure; every clock is an argument.
use crds::lease::{DURATION, Sighting};
use jiff::Timestamp;
use k8s_openapi::{api::coordination::v1::LeaseSpec, apimachinery::pkg::apis::meta::v1::MicroTime};
use std::time::Instant;

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// There is no Lease: make one.
    Create,
    /// It is ours: renew it.
    Renew,
    /// It is nobody's, or its holder fell silent: take it.
    Take,
    /// Its holder is alive.
    Wait,
}

pub(super) fn decide(seen: Option<&Sighting>, me: &str, now: Instant) -> Turn {
    let Some(seen) = seen else { return Turn::Create };
    match seen.holder() {
        Some(holder) if holder == me => Turn::Renew,
        _ if seen.is_silent(now) => Turn::Take,
        _ => Turn::Wait,
    }
}

/// The record that makes `me` the holder.
pub(super) fn claim(old: Option<&LeaseSpec>, me: &str, now: Timestamp) -> LeaseSpec {
    let held = |spec: &&LeaseSpec| spec.holder_identity.as_deref() == Some(me);
    let transitions = old.and_then(|spec| spec.lease_transitions).unwrap_or(0);
    let (acquired, transitions) = match (old, old.filter(held)) {
        (_, Some(mine)) => (mine.acquire_time.clone(), transitions),
        (Some(_), None) => (None, transitions.saturating_add(1)),
        (None, None) => (None, 0),
    };
    LeaseSpec {
        holder_identity: Some(me.to_owned()),
        lease_duration_seconds: Some(DURATION.as_secs().try_into().unwrap_or(i32::MAX)),
        acquire_time: acquired.or(Some(MicroTime(now))),
        renew_time: Some(MicroTime(now)),
        lease_transitions: Some(transitions),
        ..LeaseSpec::default()
    }
}

/// The record that lets anyone take over at once.
pub(super) fn released(old: &LeaseSpec, now: Timestamp) -> LeaseSpec {
    LeaseSpec {
        holder_identity: Some(String::new()),
        lease_duration_seconds: Some(1),
        acquire_time: Some(MicroTime(now)),
        renew_time: Some(MicroTime(now)),
        lease_transitions: old.lease_transitions,
        ..LeaseSpec::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::coordination::v1::Lease;
    use std::time::Duration;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn held_by(holder: &str) -> Lease {
        Lease { spec: Some(claim(None, holder, NOW)), ..Lease::default() }
    }

    fn seen(holder: &str, since: Instant) -> Sighting {
        Sighting { lease: held_by(holder), since }
    }

    #[test]
    fn a_silent_holder_is_respected_for_exactly_as_long_as_the_lease_lasts() {
        let start = Instant::now();
        let other = seen("other", start);
        let almost = start + DURATION - Duration::from_millis(1);
        assert_eq!(decide(Some(&other), "me", almost), Turn::Wait);
        assert_eq!(decide(Some(&other), "me", start + DURATION), Turn::Take);
    }

    #[test]
    fn a_holder_that_renews_is_never_robbed() {
        let start = Instant::now();
        let mut renewed = held_by("other");
        renewed.spec = Some(claim(renewed.spec.as_ref(), "other", NOW + jiff::SignedDuration::from_secs(2)));
        let again = Sighting::updated(Some(seen("other", start)), renewed, start + DURATION);
        assert_eq!(decide(Some(&again), "me", start + DURATION), Turn::Wait);
    }

    #[test]
    fn what_is_free_is_taken_at_once() {
        let start = Instant::now();
        let spec = released(&claim(None, "other", NOW), NOW);
        let free = Sighting { lease: Lease { spec: Some(spec), ..Lease::default() }, since: start };
        assert_eq!(decide(Some(&free), "me", start), Turn::Take);
        assert_eq!(decide(None, "me", start), Turn::Create);
        assert_eq!(decide(Some(&seen("me", start)), "me", start), Turn::Renew);
    }

    #[test]
    fn renewing_keeps_the_time_of_acquisition_and_taking_over_counts_a_transition() {
        let later = NOW + jiff::SignedDuration::from_secs(9);
        let mine = claim(None, "me", NOW);
        let renewed = claim(Some(&mine), "me", later);
        assert_eq!((renewed.acquire_time, renewed.lease_transitions), (Some(MicroTime(NOW)), Some(0)));
        let taken = claim(Some(&mine), "you", later);
        assert_eq!((taken.acquire_time, taken.lease_transitions), (Some(MicroTime(later)), Some(1)));
    }
}
