//! Whether the holder of a Lease is gone. Pure; the clock is an argument.
//!
//! As in client-go's leader election, the wall clock of another machine is never believed: a holder is gone once *this*
//! process has seen the same record for as long as it lasts.
use k8s_openapi::api::coordination::v1::LeaseSpec;
use std::time::{Duration, Instant};

/// A record, and since when it has been seen unchanged.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sighting {
    spec: LeaseSpec,
    since: Instant,
}

impl Sighting {
    /// Looks once more.
    pub(super) fn next(before: Option<Self>, spec: LeaseSpec, now: Instant) -> Self {
        match before {
            Some(same) if same.spec == spec => same,
            _ => Self { spec, since: now },
        }
    }
}

/// There is no Lease, nobody holds it, or its holder fell silent.
pub(super) fn is_gone(seen: Option<&Sighting>, now: Instant) -> bool {
    let Some(Sighting { spec, since }) = seen else { return true };
    let lasts = u64::try_from(spec.lease_duration_seconds.unwrap_or(0)).unwrap_or(0);
    let is_held = spec.holder_identity.as_ref().is_some_and(|holder| !holder.is_empty());
    !is_held || now.saturating_duration_since(*since) >= Duration::from_secs(lasts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(renewals: i32) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some("a".into()),
            lease_duration_seconds: Some(15),
            lease_transitions: Some(renewals),
            ..LeaseSpec::default()
        }
    }

    #[test]
    fn a_holder_is_gone_once_it_was_silent_for_as_long_as_its_lease_lasts() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let first = Sighting::next(None, held(0), start);
        assert!(!is_gone(Some(&first), start), "one look tells nothing of its age");
        let again = Sighting::next(Some(first), held(0), after(14));
        assert!(!is_gone(Some(&again), after(14)));
        assert!(is_gone(Some(&again), after(15)));
        let renewed = Sighting::next(Some(again), held(1), after(15));
        assert!(!is_gone(Some(&renewed), after(29)));
    }

    #[test]
    fn a_lease_that_is_not_there_or_given_back_has_no_holder() {
        let now = Instant::now();
        assert!(is_gone(None, now));
        let released = LeaseSpec { holder_identity: Some(String::new()), ..held(0) };
        assert!(is_gone(Some(&Sighting::next(None, released, now)), now));
    }
}
