//! Now and then a client is sent to another replica: a connection that lives for ever never moves, and kube-apiserver has
//! one to each replica that it knows.
use std::sync::atomic::{AtomicU64, Ordering};

/// Above this chance, connections would hardly live long enough to be worth opening.
pub(super) const HIGHEST: f64 = 0.02;

/// Strikes a share of all requests, at random.
pub(super) struct Chance {
    /// Of 2^32.
    share: u64,
    state: AtomicU64,
}

impl Chance {
    pub(super) fn new(chance: f64) -> Self {
        let (seed, _) = uuid::Uuid::new_v4().as_u64_pair();
        // The chance is between 0 and 1, so nothing is lost but digits that nobody counts.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let share = (chance.clamp(0.0, 1.0) * f64::from(u32::MAX)) as u64;
        Self { share, state: AtomicU64::new(seed) }
    }

    /// Not for secrets: steps of an odd number, stirred well (SplitMix64).
    pub(super) fn strikes(&self) -> bool {
        if self.share == 0 {
            return false;
        }
        let mut number = self.state.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (number ^ (number >> 31)) >> 32 < self.share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn about_as_many_are_struck_as_asked_for() {
        let struck = |chance| {
            let chance = Chance::new(chance);
            (0..100_000).filter(|_| chance.strikes()).count()
        };
        assert_eq!(struck(0.0), 0);
        assert!((1_500..2_500).contains(&struck(HIGHEST)), "two in a hundred");
        assert!(struck(1.0) > 99_990);
    }
}
