//! The pauses between tries of a watch that breaks.
use backon::ExponentialBuilder;
use kube::runtime::{utils::Backoff, watcher::ExponentialBackoff};
use std::time::{Duration, Instant};

/// Growing pauses. They begin anew after a while without a break, and for no other reason: a watch reports that it
/// begins before it has reached anything, and whoever takes that for a success never waits longer than the first time.
pub(crate) struct Pauses {
    growing: ExponentialBackoff,
    /// How long it must go well until the next break counts as the first.
    calm: Duration,
    /// When the last pause ended.
    resumed: Option<Instant>,
}

impl Pauses {
    /// From `first` to `longest`.
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        let growing = ExponentialBuilder::default()
            .with_min_delay(first)
            .with_max_delay(longest)
            .with_jitter()
            .without_max_times();
        Self { growing: growing.into(), calm: 2 * longest, resumed: None }
    }
}

/// After a watch broke on which everything waits: shorter than kube's.
pub(crate) fn back_off() -> Pauses {
    Pauses::new(Duration::from_millis(200), Duration::from_secs(5))
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let now = Instant::now();
        if self.resumed.is_some_and(|resumed| now.saturating_duration_since(resumed) > self.calm) {
            self.growing.reset();
        }
        let pause = self.growing.next()?;
        self.resumed = Some(now + pause);
        Some(pause)
    }
}

impl Backoff for Pauses {
    fn reset(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_that_only_ever_begins_is_tried_less_and_less() {
        let mut pauses = Pauses::new(Duration::from_secs(1), Duration::from_secs(15));
        let mut tried = || {
            pauses.reset();
            pauses.next().expect("it is never given up")
        };
        assert!(tried() < Duration::from_secs(3));
        assert!((0..9).map(|_| tried()).sum::<Duration>() > Duration::from_secs(80));
    }

    #[test]
    fn after_a_calm_while_the_pauses_are_short_again() {
        let mut pauses = Pauses::new(Duration::from_millis(1), Duration::from_millis(20));
        assert!(pauses.by_ref().take(9).last() > Some(Duration::from_millis(10)));
        std::thread::sleep(Duration::from_millis(100));
        assert!(pauses.next() < Some(Duration::from_millis(3)));
    }
}
