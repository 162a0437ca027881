//! Go durations as Flux's CRDs write them: `1h30m`, `90s`, `1.5h`, `250ms`.
//!
//! Not `kube::core::Duration`: that one takes signs, exponents and units which the schema refuses, and it panics when
//! a value does not fit (`1e99h`), which one poisoned object must never cause (CVE-2022-39272 of Flux was this bug).
use std::time::Duration;

/// The pattern that the schema carries for every duration of ours; [`parse`] accepts exactly what it matches.
pub const PATTERN: &str = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$";

/// Go's `time.Duration` ends at 2⁶³ − 1 nanoseconds, about 292 years.
const LONGEST_MS: u64 = i64::MAX as u64 / 1_000_000;

/// Why a text is no duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotADuration {
    /// It does not match [`PATTERN`].
    #[error("must be numbers with units, such as 1h30m; units are ms, s, m and h")]
    Malformed,
    /// It is longer than Go can hold.
    #[error("must be at most 2562047h, the longest that Go can hold")]
    TooLong,
}

/// Reads a duration; fractions are kept to the millisecond.
///
/// # Errors
/// The text does not match [`PATTERN`], or stands for more than 292 years.
pub fn parse(text: &str) -> Result<Duration, NotADuration> {
    let mut rest = text;
    let mut total = Some(0_u64);
    while !rest.is_empty() {
        let (part, tail) = term(rest).ok_or(NotADuration::Malformed)?;
        // What does not fit is read on: it may be no duration at all, which is the more helpful thing to say.
        total =
            total.zip(part).and_then(|(sum, part)| sum.checked_add(part)).filter(|sum| *sum <= LONGEST_MS);
        rest = tail;
    }
    if text.is_empty() {
        return Err(NotADuration::Malformed);
    }
    total.map(Duration::from_millis).ok_or(NotADuration::TooLong)
}

/// Writes a duration the way Go does: `1h30m0s`, `90s` as `1m30s`, `250ms`.
pub fn format(duration: Duration) -> String {
    let ms = duration.as_millis();
    let (seconds, ms) = (ms / 1000, ms % 1000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let fraction = if ms == 0 { String::new() } else { format!(".{ms:03}").trim_end_matches('0').to_owned() };
    match (hours, minutes, seconds) {
        (0, 0, 0) if ms > 0 => format!("{ms}ms"),
        (0, 0, _) => format!("{seconds}{fraction}s"),
        (0, _, _) => format!("{minutes}m{seconds}{fraction}s"),
        _ => format!("{hours}h{minutes}m{seconds}{fraction}s"),
    }
}

/// One number with its unit, in milliseconds if they fit, and what follows it.
fn term(text: &str) -> Option<(Option<u64>, &str)> {
    let (whole, rest) = digits(text)?;
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(tail) => digits(tail)?,
        None => ("", rest),
    };
    let (unit_ms, rest) = unit(rest)?;
    let ms = whole.parse().ok().and_then(|whole: u64| whole.checked_mul(unit_ms));
    Some((ms.and_then(|ms| ms.checked_add(fraction_of(fraction, unit_ms))), rest))
}

fn digits(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// `ms` is tried before `m`: the longer unit wins, as in Go.
fn unit(text: &str) -> Option<(u64, &str)> {
    const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];
    UNITS.iter().find_map(|(name, ms)| Some((*ms, text.strip_prefix(name)?)))
}

/// The milliseconds that decimal digits after the point stand for; nine digits say more than enough.
fn fraction_of(digits: &str, unit_ms: u64) -> u64 {
    let digits = &digits[..digits.len().min(9)];
    let scale = 10_u64.pow(u32::try_from(digits.len()).unwrap_or(9));
    digits.parse::<u64>().map_or(0, |value| value * unit_ms / scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_flux_users_write() {
        for (text, ms) in
            [("1m", 60_000), ("1h30m", 5_400_000), ("1.5h", 5_400_000), ("250ms", 250), ("0s", 0)]
        {
            assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
        }
    }

    #[test]
    fn refuses_what_the_pattern_refuses() {
        for text in [
            "",
            "abc",
            "-1s",
            "1",
            "1m1",
            "1d",
            "1e99h",
            "1.h",
            ".5h",
            " 1m",
            "1m ",
            "+1m",
            "1us",
            "١s",
            "2562048h1",
            "99999999999999999999h1d",
        ] {
            assert_eq!(parse(text), Err(NotADuration::Malformed), "{text:?}");
        }
    }

    #[test]
    fn a_value_that_does_not_fit_is_an_error_and_no_panic() {
        for text in ["99999999999999999999h", "9223372036855s", "2562048h", "2562047h2562047h"] {
            assert_eq!(parse(text), Err(NotADuration::TooLong), "{text}");
        }
    }

    #[test]
    fn writes_as_go_does() {
        for (ms, text) in
            [(5_400_000, "1h30m0s"), (90_000, "1m30s"), (250, "250ms"), (0, "0s"), (1500, "1.5s")]
        {
            assert_eq!(format(Duration::from_millis(ms)), text);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_accepted_exactly_if_the_pattern_matches(
            text in r"[0-9.msh]{0,10}|([0-9]{1,3}(\.[0-9]{1,3})?(ms|s|m|h)){1,4}|[0-9]{1,30}h|.{0,20}"
        ) {
            crate::fuzz::durations(text.as_bytes());
        }

        #[test]
        fn any_duration_is_read_back_as_it_was_written(ms in 0..=LONGEST_MS) {
            let duration = Duration::from_millis(ms);
            prop_assert_eq!(parse(&format(duration)), Ok(duration));
        }
    }
}
