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

/// Who works on a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A controller does.
    AtWork,
    /// No controller is at work.
    Gone,
    /// Controllers are at work, and all of them on other sources.
    OfOthers,
}

/// Judges by the Leases, and whether the holder of each works on the source.
pub(super) fn verdict(shards: &[(Sighting, bool)], now: Instant) -> Verdict {
    let alive: Vec<bool> =
        shards.iter().filter(|(seen, _)| !is_gone(seen, now)).map(|(_, selects)| *selects).collect();
    match (alive.contains(&true), alive.is_empty()) {
        (true, _) => Verdict::AtWork,
        (false, true) => Verdict::Gone,
        (false, false) => Verdict::OfOthers,
    }
}

/// Nobody holds it, or its holder fell silent.
fn is_gone(Sighting { spec, since }: &Sighting, now: Instant) -> bool {
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
        assert!(!is_gone(&first, start), "one look tells nothing of its age");
        let again = Sighting::next(Some(first), held(0), after(14));
        assert!(!is_gone(&again, after(14)));
        assert!(is_gone(&again, after(15)));
        let renewed = Sighting::next(Some(again), held(1), after(15));
        assert!(!is_gone(&renewed, after(29)));
    }

    #[test]
    fn a_lease_that_was_given_back_has_no_holder() {
        assert!(is_gone(&released(), Instant::now()));
    }

    fn released() -> Sighting {
        let spec = LeaseSpec { holder_identity: Some(String::new()), ..held(0) };
        Sighting::next(None, spec, Instant::now())
    }

    #[test]
    fn a_source_is_worked_on_by_whose_selector_matches_it() {
        let now = Instant::now();
        let alive = || Sighting::next(None, held(0), now);
        for (shards, expected) in [
            (vec![], Verdict::Gone),
            (vec![(alive(), true)], Verdict::AtWork),
            (vec![(alive(), false), (alive(), true)], Verdict::AtWork),
            (vec![(released(), true), (alive(), false)], Verdict::OfOthers),
            (vec![(released(), true)], Verdict::Gone),
        ] {
            assert_eq!(verdict(&shards, now), expected, "{shards:?}");
        }
    }
}
