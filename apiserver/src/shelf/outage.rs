//! Whether the store failed a moment ago.
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// A store that failed is asked again after so long.
const PAUSE: Duration = Duration::from_secs(5);

/// What is remembered of the last failure.
#[derive(Debug, Default)]
pub(super) struct Outage(Mutex<Option<Instant>>);

impl Outage {
    /// The store has failed.
    pub(super) fn begins(&self, now: Instant) {
        *self.failed_at() = Some(now);
    }

    /// The store has answered.
    pub(super) fn ends(&self) {
        *self.failed_at() = None;
    }

    /// Whether it is too early to ask again.
    pub(super) fn lasts(&self, now: Instant) -> bool {
        self.failed_at().is_some_and(|failed_at| now.duration_since(failed_at) < PAUSE)
    }

    fn failed_at(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_failed_is_asked_again_in_a_while() {
        let (outage, start) = (Outage::default(), Instant::now());
        assert!(!outage.lasts(start));
        outage.begins(start);
        assert!(outage.lasts(start + PAUSE / 2));
        assert!(!outage.lasts(start + PAUSE));
        outage.ends();
        assert!(!outage.lasts(start));
    }
}
