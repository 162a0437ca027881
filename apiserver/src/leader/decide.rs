//! Whether anybody works on a source. Pure; the clock is an argument.
use crds::lease::Sighting;
use std::time::Instant;

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
        shards.iter().filter(|(seen, _)| !seen.is_silent(now)).map(|(_, selects)| *selects).collect();
    match (alive.contains(&true), alive.is_empty()) {
        (true, _) => Verdict::AtWork,
        (false, true) => Verdict::Gone,
        (false, false) => Verdict::OfOthers,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};

    fn held_by(holder: &str) -> Sighting {
        let spec = LeaseSpec { holder_identity: Some(holder.into()), ..LeaseSpec::default() };
        Sighting::updated(None, Lease { spec: Some(spec), ..Lease::default() }, Instant::now())
    }

    #[test]
    fn a_source_is_worked_on_by_whose_selector_matches_it() {
        let (alive, released) = (|| held_by("a"), || held_by(""));
        for (shards, expected) in [
            (vec![], Verdict::Gone),
            (vec![(alive(), true)], Verdict::AtWork),
            (vec![(alive(), false), (alive(), true)], Verdict::AtWork),
            (vec![(released(), true), (alive(), false)], Verdict::OfOthers),
            (vec![(released(), true)], Verdict::Gone),
        ] {
            assert_eq!(verdict(&shards, Instant::now()), expected, "{shards:?}");
        }
    }
}
