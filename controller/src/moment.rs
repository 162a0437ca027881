//! What decisions may not take for themselves: the time and a random number.
use jiff::Timestamp;
use std::time::Duration;
use uuid::Uuid;

/// One moment, and the luck of it. The loop makes one for each pass; tests make their own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Moment {
    /// The time.
    pub now: Timestamp,
    /// From 0 to, but without, 1.
    pub random: f64,
}

impl Moment {
    /// This moment.
    pub(crate) fn now() -> Self {
        Self { now: Timestamp::now(), random: fraction(Uuid::new_v4()) }
    }

    /// That much later; the end of time at most.
    pub(crate) fn after(&self, duration: Duration) -> Timestamp {
        self.now.checked_add(duration).unwrap_or(Timestamp::MAX)
    }

    /// Up to `share` shorter or longer, so that what began together does not go on together.
    pub(crate) fn jittered(&self, duration: Duration, share: f64) -> Duration {
        duration.mul_f64(1.0 + share * (2.0 * self.random - 1.0))
    }

    /// How long it is until `time`; nothing if that has passed.
    pub(crate) fn until(&self, time: Timestamp) -> Duration {
        Duration::try_from(time.duration_since(self.now)).unwrap_or_default()
    }
}

/// Spreads the random bits of `id` evenly over 0 to 1.
pub(crate) fn fraction(id: Uuid) -> f64 {
    // A float holds 53 bits exactly; the lowest bits of both halves of a version 4 UUID are random.
    let (high, low) = id.as_u64_pair();
    ((high ^ low) & ((1 << 53) - 1)) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn lucky(random: f64) -> Moment {
        Moment { now: Timestamp::UNIX_EPOCH, random }
    }

    #[test]
    fn jitter_goes_both_ways_and_no_further_than_its_share() {
        assert_eq!(lucky(0.0).jittered(HOUR, 0.05), HOUR.mul_f64(0.95));
        assert_eq!(lucky(0.5).jittered(HOUR, 0.05), HOUR);
        assert!(lucky(0.999).jittered(HOUR, 0.05) < HOUR.mul_f64(1.05));
    }

    #[test]
    fn what_has_passed_is_waited_for_no_longer() {
        let moment = lucky(0.0);
        assert_eq!(moment.until(moment.after(HOUR)), HOUR);
        assert_eq!(moment.until(Timestamp::MIN), Duration::ZERO);
    }

    #[test]
    fn luck_differs_and_stays_in_its_range() {
        let drawn: Vec<f64> = (0..64).map(|_| Moment::now().random).collect();
        assert!(drawn.iter().all(|luck| (0.0..1.0).contains(luck)));
        assert!(drawn.iter().any(|luck| *luck < 0.5) && drawn.iter().any(|luck| *luck >= 0.5));
    }
}
