//! When to look again. Pure: the time and the luck are arguments.
use super::Retry;
use crate::moment::Moment;
use jiff::Timestamp;
use std::time::Duration;

/// By how much an interval is moved.
const JITTER: f64 = 0.05;
/// By how much a pause after a failure is moved.
const RETRY_JITTER: f64 = 0.25;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// From here on, failing is how things are: the pause is no shorter than the interval.
pub(crate) const ATTEMPTS: i64 = 10;
/// Longest pause that a server may ask for.
const LONGEST_WISH: Duration = Duration::from_secs(24 * 3600);

/// When the next pass is due after a good one. `wish` is what the other side asked for.
pub(crate) fn after_success(interval: Duration, wish: Option<Duration>, moment: Moment) -> Timestamp {
    moment.after(moment.jittered(interval, JITTER).max(granted(wish)))
}

/// When the next pass is due after the `failures`th failure in a row; `None`: on a change.
pub(crate) fn after_failure(
    failure: &super::Failure,
    failures: i64,
    interval: Duration,
    moment: Moment,
) -> Option<Timestamp> {
    let pause = match failure.retry {
        Retry::OnChange => return None,
        Retry::AtInterval => moment.jittered(interval, JITTER),
        Retry::Soon => back_off(failures, interval, moment),
    };
    Some(moment.after(pause.max(granted(failure.retry_after))))
}

/// Whether the other side asked for a pause that goes beyond what would be anyway.
pub(crate) fn is_special(wish: Option<Duration>, interval: Duration) -> bool {
    granted(wish) > interval.mul_f64(1.0 + JITTER)
}

fn back_off(failures: i64, interval: Duration, moment: Moment) -> Duration {
    let doublings = u32::try_from(failures.saturating_sub(1).clamp(0, 16)).unwrap_or(0);
    let pause = FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE);
    let jittered = moment.jittered(pause, RETRY_JITTER).clamp(FIRST_PAUSE, LONGEST_PAUSE);
    if failures > ATTEMPTS { jittered.max(moment.jittered(interval, JITTER)) } else { jittered }
}

fn granted(wish: Option<Duration>) -> Duration {
    wish.unwrap_or_default().min(LONGEST_WISH)
}

#[cfg(test)]
mod tests {
    use super::{super::Failure, *};

    const HOUR: Duration = Duration::from_secs(3600);
    const EVEN: Moment = Moment { now: Timestamp::UNIX_EPOCH, random: 0.5 };

    fn failure(retry: Retry) -> Failure {
        Failure { retry, ..Failure::stalled("Tested", "") }
    }

    fn pause(failure: &Failure, failures: i64, interval: Duration) -> Option<u64> {
        after_failure(failure, failures, interval, EVEN).map(|at| EVEN.until(at).as_secs())
    }

    #[test]
    fn pauses_double_from_one_second_to_five_minutes() {
        let minute = Duration::from_secs(60);
        let pauses: Vec<_> = (1..=10).filter_map(|n| pause(&failure(Retry::Soon), n, minute)).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
    }

    #[test]
    fn after_ten_attempts_the_interval_counts_if_it_is_longer() {
        assert_eq!(pause(&failure(Retry::Soon), 10, HOUR), Some(300));
        assert_eq!(pause(&failure(Retry::Soon), 11, HOUR), Some(3600));
        assert_eq!(pause(&failure(Retry::Soon), 11, Duration::from_secs(60)), Some(300));
        assert_eq!(pause(&failure(Retry::Soon), i64::MAX, Duration::from_secs(60)), Some(300));
    }

    #[test]
    fn a_server_may_ask_for_up_to_a_day_whatever_the_cap() {
        let asked =
            |seconds| Failure { retry_after: Some(Duration::from_secs(seconds)), ..failure(Retry::Soon) };
        assert_eq!(pause(&asked(7200), 1, HOUR), Some(7200));
        assert_eq!(pause(&asked(9_999_999), 1, HOUR), Some(86_400));
        assert_eq!(pause(&asked(0), 3, HOUR), Some(4), "no server shortens a pause");
    }

    #[test]
    fn a_stalled_object_waits_for_a_change() {
        assert_eq!(pause(&failure(Retry::OnChange), 1, HOUR), None);
        assert_eq!(pause(&failure(Retry::AtInterval), 1, HOUR), Some(3600));
    }

    #[test]
    fn jitter_keeps_every_pause_in_its_bounds() {
        for random in [0.0, 0.3, 0.999] {
            let moment = Moment { random, ..EVEN };
            let at = after_failure(&failure(Retry::Soon), 1, HOUR, moment).expect("soon");
            assert!(moment.until(at) >= FIRST_PAUSE && moment.until(at) <= Duration::from_millis(1250));
            let at = after_success(HOUR, None, moment);
            assert!(moment.until(at) >= HOUR.mul_f64(0.95) && moment.until(at) <= HOUR.mul_f64(1.05));
        }
    }

    #[test]
    fn a_good_answer_may_ask_for_a_longer_pause() {
        let day = Duration::from_secs(86_400);
        assert_eq!(EVEN.until(after_success(HOUR, Some(day), EVEN)), day);
        assert_eq!(EVEN.until(after_success(HOUR, Some(Duration::from_secs(1)), EVEN)), HOUR);
        assert!(is_special(Some(day), HOUR) && !is_special(Some(HOUR), HOUR) && !is_special(None, HOUR));
    }
}
