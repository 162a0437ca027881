//! How long an answer asks to be left alone. Pure: the time is an argument.
//!
//! Two ways to say it: `Retry-After` (RFC 9110: seconds or a date), and the `RateLimit` family that GitHub, GitLab
//! and the IETF draft spell differently. The latter counts only once nothing remains.
use http::{HeaderMap, header};
use jiff::{Timestamp, fmt::strtime};
use std::time::Duration;

/// No source silences itself for longer.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// What the headers of an answer ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pause {
    /// How long to wait; at most a day.
    pub(crate) duration: Option<Duration>,
    /// Whether a limit is used up.
    pub(crate) limited: bool,
}

/// Reads the headers of an answer that arrived at `now`.
pub(crate) fn asked(headers: &HeaderMap, now: Timestamp) -> Pause {
    // A date is the server's: counted from its own clock where it tells that, so that no skew shortens the pause.
    let clock = text(headers, header::DATE.as_str()).and_then(date).unwrap_or(now);
    let retry_after = text(headers, header::RETRY_AFTER.as_str()).and_then(|text| until(text, clock));
    let (limited, reset) = rate_limit(headers, clock);
    let longest = retry_after.into_iter().chain(reset).max();
    Pause { duration: longest.filter(|pause| !pause.is_zero()).map(|pause| pause.min(LONGEST)), limited }
}

/// `Retry-After`: seconds, or a date. Anything else is ignored.
fn until(text: &str, clock: Timestamp) -> Option<Duration> {
    seconds(text).or_else(|| Some(after(date(text)?, clock)))
}

/// Whether nothing remains of the limit, and when that changes.
fn rate_limit(headers: &HeaderMap, clock: Timestamp) -> (bool, Option<Duration>) {
    const FAMILIES: [(&str, &str); 3] = [
        ("ratelimit-remaining", "ratelimit-reset"),
        ("x-ratelimit-remaining", "x-ratelimit-reset"),
        ("x-rate-limit-remaining", "x-rate-limit-reset"),
    ];
    for (remaining, reset) in FAMILIES {
        if text(headers, remaining).and_then(seconds) == Some(Duration::ZERO) {
            return (true, text(headers, reset).and_then(|text| reset_in(text, clock)));
        }
    }
    let draft = text(headers, "ratelimit").and_then(|policies| policies.split(',').find_map(used_up));
    match draft {
        Some(reset) => (true, reset),
        None => (false, None),
    }
}

/// One policy of the draft's `RateLimit: "name";r=0;t=30`: the time until its reset, if nothing remains.
fn used_up(policy: &str) -> Option<Option<Duration>> {
    let parameter =
        |name| policy.split(';').find_map(|part| part.trim().strip_prefix(name)).and_then(seconds);
    (parameter("r=")? == Duration::ZERO).then(|| parameter("t="))
}

/// A reset is given in seconds from now (IETF), as a Unix time (GitHub), or as a date.
fn reset_in(text: &str, clock: Timestamp) -> Option<Duration> {
    /// September 2001, or a pause of 31 years.
    const UNIX_TIME: u64 = 1_000_000_000;
    match seconds(text) {
        Some(time) if time.as_secs() >= UNIX_TIME => {
            let time = Timestamp::from_second(i64::try_from(time.as_secs()).ok()?).ok()?;
            Some(after(time, clock))
        }
        Some(time) => Some(time),
        None => Some(after(date(text)?, clock)),
    }
}

/// A number of seconds, whole or with a fraction that rounds up. Never a sign, never an exponent.
fn seconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let part = u64::from(fraction.bytes().any(|b| b != b'0'));
    // More digits than fit mean a very long time.
    Some(Duration::from_secs(whole.parse::<u64>().unwrap_or(u64::MAX).saturating_add(part)))
}

/// The three forms of a date that RFC 9110 5.6.7 wants understood.
fn date(text: &str) -> Option<Timestamp> {
    const FORMS: [&str; 3] =
        ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];
    let read = |form| strtime::parse(form, text.trim()).ok()?.to_datetime().ok();
    let datetime = FORMS.iter().find_map(read)?;
    datetime.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

fn after(time: Timestamp, clock: Timestamp) -> Duration {
    Duration::try_from(time.duration_since(clock)).unwrap_or(Duration::ZERO)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    /// Fri, 06 Nov 2026 08:49:37 GMT
    const NOW: i64 = 1_793_954_977;

    fn pause(headers: &[(&'static str, &str)]) -> Pause {
        let header = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        };
        asked(&headers.iter().map(header).collect(), Timestamp::from_second(NOW).unwrap())
    }

    fn wait(headers: &[(&'static str, &str)]) -> Option<u64> {
        pause(headers).duration.map(|duration| duration.as_secs())
    }

    #[test]
    fn retry_after_is_seconds_or_any_form_of_date() {
        for (text, seconds) in [
            ("120", Some(120)),
            (" 120 ", Some(120)),
            ("Fri, 06 Nov 2026 08:50:37 GMT", Some(60)),
            ("Friday, 06-Nov-26 08:50:37 GMT", Some(60)),
            ("Fri Nov  6 08:50:37 2026", Some(60)),
            ("0", None),
            ("Fri, 06 Nov 2026 08:00:00 GMT", None),
            ("-5", None),
            ("1e9", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(wait(&[("retry-after", text)]), seconds, "{text:?}");
        }
    }

    #[test]
    fn nobody_silences_a_source_for_more_than_a_day() {
        for text in ["86401", "99999999999999999999999", "Sat, 06 Nov 2027 08:49:37 GMT"] {
            assert_eq!(wait(&[("retry-after", text)]), Some(86_400), "{text}");
        }
    }

    #[test]
    fn a_date_is_counted_from_the_clock_of_the_server() {
        let skewed =
            [("retry-after", "Sat, 07 Nov 2026 09:00:30 GMT"), ("date", "Sat, 07 Nov 2026 09:00:00 GMT")];
        assert_eq!(wait(&skewed), Some(30));
    }

    #[test]
    fn a_limit_counts_once_nothing_remains() {
        let reset = (NOW + 90).to_string();
        for (headers, expected) in [
            (vec![("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", reset.as_str())], (Some(90), true)),
            (vec![("ratelimit-remaining", "0"), ("ratelimit-reset", "30")], (Some(30), true)),
            (vec![("x-rate-limit-remaining", "0"), ("x-rate-limit-reset", "1.5")], (Some(2), true)),
            (vec![("ratelimit", r#""burst";r=5;t=1, "daily";r=0;t=45"#)], (Some(45), true)),
            (vec![("x-ratelimit-remaining", "0")], (None, true)),
            (vec![("x-ratelimit-remaining", "1"), ("x-ratelimit-reset", "30")], (None, false)),
            (vec![("ratelimit", r#""default";r=1;t=45"#)], (None, false)),
            (vec![], (None, false)),
        ] {
            let pause = pause(&headers);
            assert_eq!((pause.duration.map(|d| d.as_secs()), pause.limited), expected, "{headers:?}");
        }
    }

    #[test]
    fn the_longer_of_two_wishes_is_granted() {
        let both = [("retry-after", "10"), ("ratelimit-remaining", "0"), ("ratelimit-reset", "20")];
        assert_eq!(wait(&both), Some(20));
    }

    proptest! {
        #[test]
        fn any_header_makes_us_wait_a_day_at_most(text in "[ -~]{0,60}", reset in "[ -~]{0,30}") {
            let headers = [
                ("retry-after", text.as_str()),
                ("date", reset.as_str()),
                ("ratelimit", text.as_str()),
                ("x-ratelimit-remaining", "0"),
                ("x-ratelimit-reset", reset.as_str()),
            ];
            prop_assert!(wait(&headers).is_none_or(|seconds| (1..=86_400).contains(&seconds)));
        }

        #[test]
        fn any_number_of_seconds_is_granted_up_to_a_day(seconds: u64) {
            let expected = Some(seconds.min(86_400)).filter(|seconds| *seconds > 0);
            prop_assert_eq!(wait(&[("retry-after", &seconds.to_string())]), expected);
        }

        #[test]
        fn any_date_to_come_is_granted(ahead in 1_i64..86_400) {
            let date = jiff::fmt::rfc2822::DateTimePrinter::new()
                .timestamp_to_rfc9110_string(&Timestamp::from_second(NOW + ahead).unwrap())
                .unwrap();
            prop_assert_eq!(wait(&[("retry-after", &date)]), u64::try_from(ahead).ok());
        }
    }
}
