//! How fast kube-apiserver may be asked: a steady rate and a burst.
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, sleep};

#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    burst: Duration,
    /// When the next question would be due if all were asked at the steady rate.
    due: Mutex<Instant>,
}

impl Pace {
    pub(super) fn new(a_second: u32, burst: u32) -> Self {
        let interval = Duration::from_secs(1) / a_second;
        Self { interval, burst: interval * burst, due: Mutex::new(Instant::now()) }
    }

    /// Returns when it is the caller's turn.
    pub(super) async fn wait(&self) {
        let wait = self.reserve(Instant::now());
        if !wait.is_zero() {
            sleep(wait).await;
        }
    }

    fn reserve(&self, now: Instant) -> Duration {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = (*due).max(now);
        *due = mine + self.interval;
        mine.saturating_duration_since(now + self.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_goes_at_once_and_the_rest_at_the_steady_rate() {
        let pace = Pace::new(10, 3);
        let now = Instant::now();

        let waits: Vec<_> = (0..6).map(|_| pace.reserve(now).as_millis()).collect();

        assert_eq!(waits[..4], [0; 4], "three in advance and the one that is due");
        assert!((90..=100).contains(&waits[4]), "{waits:?}");
        assert!((190..=200).contains(&waits[5]), "{waits:?}");
        assert_eq!(
            pace.reserve(now + Duration::from_secs(1)).as_millis(),
            0,
            "a pause fills the burst again"
        );
    }
}
