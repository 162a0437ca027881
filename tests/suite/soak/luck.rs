//! Randomness that can be had again by its seed.
use std::time::{SystemTime, UNIX_EPOCH};

/// SplitMix64: a few lines, and random enough for misfortunes.
pub(super) struct Luck {
    seed: u64,
    state: u64,
}

impl Luck {
    /// That of `SOAK_SEED`, or else of the clock.
    pub(super) fn today() -> Self {
        let given = std::env::var("SOAK_SEED").ok().and_then(|seed| seed.parse().ok());
        let clock = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_secs());
        Self::of(given.unwrap_or_else(clock))
    }

    fn of(seed: u64) -> Self {
        Self { seed, state: seed }
    }

    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    /// Luck of its own, that follows from this one.
    pub(super) fn another(&mut self) -> Self {
        Self::of(self.next())
    }

    /// From `least` to `most`, both possible.
    pub(super) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.next() % (most - least + 1)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).expect("below a usize")
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
