//! When to look again. Pure: the time and the luck are arguments.
use super::Retry;
use crate::moment::Moment;
use crds::schedule::Calendar;
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

/// How often there is something to do, and when it may be done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rhythm<'a> {
    /// How often.
    pub interval: Duration,
    /// When, if not at any time.
    pub calendar: Option<&'a Calendar>,
}

/// When the next pass is due after a good one. `wish` is what the other side asked for.
pub(crate) fn after_success(rhythm: Rhythm<'_>, wish: Option<Duration>, moment: Moment) -> Timestamp {
    let due = moment.after(moment.jittered(rhythm.interval, JITTER).max(granted(wish)));
    rhythm.settled(due, wish, (false, moment))
}

/// When the next pass is due after the `failures`th failure in a row; `None`: on a change.
pub(crate) fn after_failure(
    failure: &super::Failure,
    failures: i64,
    rhythm: Rhythm<'_>,
    moment: Moment,
) -> Option<Timestamp> {
    let pause = match failure.retry {
        Retry::OnChange => return None,
        Retry::AtInterval => moment.jittered(rhythm.interval, JITTER),
        Retry::Soon => back_off(failures, rhythm.interval, moment),
    };
    let due = moment.after(pause.max(granted(failure.retry_after)));
    let goes_on = failure.retry == Retry::Soon && failures <= ATTEMPTS;
    Some(rhythm.settled(due, failure.retry_after, (goes_on, moment)))
}

impl Rhythm<'_> {
    /// What is due at `due` where the calendar admits it; a moment of the calendar that comes sooner is kept, unless the other side
    /// has asked for a pause until after it.
    fn settled(self, due: Timestamp, wish: Option<Duration>, (again, moment): (bool, Moment)) -> Timestamp {
        let Some(calendar) = self.calendar else { return due };
        let due = due.min(calendar.next(moment.after(granted(wish))));
        calendar.admitted(due, moment.now, again)
    }
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
    use crds::schedule::Schedule;
    use jiff::SignedDuration;

    const HOUR: Duration = Duration::from_secs(3600);
    const EVEN: Moment = Moment { now: Timestamp::UNIX_EPOCH, random: 0.5 };

    fn always(interval: Duration) -> Rhythm<'static> {
        Rhythm { interval, calendar: None }
    }

    fn failure(retry: Retry) -> Failure {
        Failure { retry, ..Failure::stalled("Tested", "") }
    }

    fn pause(failure: &Failure, failures: i64, interval: Duration) -> Option<u64> {
        after_failure(failure, failures, always(interval), EVEN).map(|at| EVEN.until(at).as_secs())
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
            let at = after_failure(&failure(Retry::Soon), 1, always(HOUR), moment).expect("soon");
            assert!(moment.until(at) >= FIRST_PAUSE && moment.until(at) <= Duration::from_millis(1250));
            let at = after_success(always(HOUR), None, moment);
            assert!(moment.until(at) >= HOUR.mul_f64(0.95) && moment.until(at) <= HOUR.mul_f64(1.05));
        }
    }

    #[test]
    fn a_good_answer_may_ask_for_a_longer_pause() {
        let day = Duration::from_secs(86_400);
        assert_eq!(EVEN.until(after_success(always(HOUR), Some(day), EVEN)), day);
        assert_eq!(EVEN.until(after_success(always(HOUR), Some(Duration::from_secs(1)), EVEN)), HOUR);
        assert!(is_special(Some(day), HOUR) && !is_special(Some(HOUR), HOUR) && !is_special(None, HOUR));
    }

    /// At `cron`, in UTC, for what takes a minute; what begins at the epoch begins at midnight.
    fn calendar(cron: &str, window: &str) -> Calendar {
        let schedule = Schedule { cron: cron.into(), time_zone: "UTC".into(), window: window.into() };
        Calendar::of(&[schedule], Duration::from_secs(60)).expect("a good schedule")
    }

    /// After how many minutes the pass after a good one is due, at `hour` o'clock, with an interval of an hour.
    fn minutes(calendar: &Calendar, hour: i64, wish: Option<Duration>) -> u64 {
        let moment = Moment { now: EVEN.now + SignedDuration::from_hours(hour), ..EVEN };
        let rhythm = Rhythm { interval: HOUR, calendar: Some(calendar) };
        moment.until(after_success(rhythm, wish, moment)).as_secs() / 60
    }

    #[test]
    fn the_interval_counts_in_a_window_and_its_next_moment_outside() {
        let working_hours = calendar("0 9 * * *", "8h");
        assert_eq!(minutes(&working_hours, 10, None), 60);
        assert_eq!(minutes(&working_hours, 16, None), 17 * 60, "17 o'clock is too late");
        assert_eq!(minutes(&working_hours, 0, None), 9 * 60);
        assert_eq!(minutes(&calendar("30 * * * *", "20m"), 0, None), 30, "sooner than the interval");
        assert_eq!(minutes(&calendar("0 9 * * *", "0s"), 9, None), 24 * 60);
    }

    #[test]
    fn a_pause_that_was_asked_for_outlasts_moments() {
        let long = Some(HOUR.mul_f64(1.5));
        assert_eq!(minutes(&calendar("0 * * * *", "0s"), 0, long), 2 * 60);
        assert_eq!(minutes(&calendar("0 9 * * *", "8h"), 10, long), 90);
    }

    #[test]
    fn a_failure_at_a_moment_is_tried_again_soon_and_one_beside_a_window_is_not() {
        let due = |calendar: &Calendar, failures| {
            let rhythm = Rhythm { interval: HOUR, calendar: Some(calendar) };
            let at = after_failure(&failure(Retry::Soon), failures, rhythm, EVEN).expect("some time");
            EVEN.until(at).as_secs()
        };
        let (moments, windows) = (calendar("0 9 * * *", "0s"), calendar("0 9 * * *", "8h"));
        assert_eq!((due(&moments, 1), due(&moments, 11)), (1, 9 * 3600));
        assert_eq!(due(&windows, 1), 9 * 3600);
    }
}
