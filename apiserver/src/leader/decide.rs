//! Whether anybody works on a source, and who. Pure; the clock is an argument.
use crds::lease::Sighting;
use std::time::Instant;

/// Who works on a source.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Verdict<'a> {
    /// The controller that holds this Lease.
    AtWork(&'a Sighting),
    /// No controller is at work.
    Gone,
    /// Controllers are at work, and all of them on other sources.
    OfOthers,
}

/// Judges by the Leases, and whether the holder of each works on the source.
///
/// Of several the one is meant that was renewed last, by what it says itself: one that went without letting go counts as alive until it was
/// looked at for long enough.
pub(super) fn verdict(shards: &[(Sighting, bool)], now: Instant) -> Verdict<'_> {
    let alive: Vec<_> = shards.iter().filter(|(seen, _)| !seen.is_silent(now)).collect();
    let renewed = |seen: &&Sighting| seen.lease.spec.as_ref().and_then(|spec| spec.renew_time.clone());
    let at_work = alive.iter().filter(|(_, selects)| *selects).map(|(seen, _)| seen);
    match (at_work.max_by_key(renewed), alive.is_empty()) {
        (Some(seen), _) => Verdict::AtWork(seen),
        (None, true) => Verdict::Gone,
        (None, false) => Verdict::OfOthers,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use k8s_openapi::{
        api::coordination::v1::{Lease, LeaseSpec},
        apimachinery::pkg::apis::meta::v1::MicroTime,
    };
    use std::mem::discriminant;

    fn held_by(holder: &str) -> Sighting {
        let spec = LeaseSpec { holder_identity: Some(holder.into()), ..LeaseSpec::default() };
        Sighting::updated(None, Lease { spec: Some(spec), ..Lease::default() }, Instant::now())
    }

    fn renewed(holder: &str, second: i64) -> Sighting {
        let mut seen = held_by(holder);
        let spec = seen.lease.spec.as_mut().expect("held_by() sets it");
        spec.renew_time = Some(MicroTime(Timestamp::from_second(second).expect("a time")));
        seen
    }

    #[test]
    fn a_source_is_worked_on_by_whose_selector_matches_it() {
        let (alive, released, somebody) = (|| held_by("a"), || held_by(""), held_by("a"));
        for (shards, expected) in [
            (vec![], Verdict::Gone),
            (vec![(alive(), true)], Verdict::AtWork(&somebody)),
            (vec![(alive(), false), (alive(), true)], Verdict::AtWork(&somebody)),
            (vec![(released(), true), (alive(), false)], Verdict::OfOthers),
            (vec![(released(), true)], Verdict::Gone),
        ] {
            let said = verdict(&shards, Instant::now());
            assert_eq!(discriminant(&said), discriminant(&expected), "{shards:?}: {said:?}");
        }
    }

    #[test]
    fn of_several_the_one_that_was_renewed_last_is_meant() {
        let never = held_by("never");
        let (gone, at_work, of_others) = (renewed("gone", 1), renewed("at work", 2), renewed("of others", 3));
        let shards = [(at_work, true), (gone, true), (never, true), (of_others, false), (held_by(""), true)];
        let Verdict::AtWork(seen) = verdict(&shards, Instant::now()) else { panic!("one is at work") };
        assert_eq!(seen.holder(), Some("at work"));
    }
}
