//! Go's durations, as clients write them into the URL. Not `kube::core::Duration`, which panics on one that does not fit.
use std::time::Duration;

/// Go's ends here, at 2⁶³ − 1 nanoseconds.
const LONGEST: f64 = 9_223_372_036.0;

/// Longer names first, so that `ms` is not read as minutes.
const UNITS: [(&str, f64); 8] = [
    ("ns", 1e-9),
    ("us", 1e-6),
    ("µs", 1e-6),
    ("μs", 1e-6),
    ("ms", 1e-3),
    ("s", 1.0),
    ("m", 60.0),
    ("h", 3600.0),
];

/// Reads `1m30s`, `1.5h`, `-2s`; less than nothing is nothing. `None` for what Go cannot read or hold.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let is_negative = text.starts_with('-');
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    let mut seconds = 0.0;
    loop {
        let number = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let (number, behind) = rest.split_at(number);
        let (unit, length) =
            UNITS.iter().find_map(|(name, length)| Some((behind.strip_prefix(name)?, length)))?;
        seconds += number.parse::<f64>().ok()? * length;
        rest = unit;
        if rest.is_empty() {
            break;
        }
    }
    let fits = seconds <= LONGEST;
    fits.then(|| if is_negative { Duration::ZERO } else { Duration::from_secs_f64(seconds) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_read_as_in_go() {
        let table = [
            ("0", 0.0),
            ("-1h", 0.0),
            ("+5s", 5.0),
            ("1m30s", 90.0),
            ("1.5h", 5400.0),
            (".5s", 0.5),
            ("1.s", 1.0),
            ("250ms", 0.25),
            ("3µs4ns", 0.000_003_004),
        ];
        for (text, seconds) in table {
            assert_eq!(parse(text), Some(Duration::from_secs_f64(seconds)), "{text}");
        }
        for text in [
            "",
            "-",
            "5",
            "s",
            ".s",
            "1..2s",
            "1d",
            "1s1",
            "1e9s",
            "5 s",
            "2562048h",
            "9".repeat(400).as_str(),
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[-+]?([0-9.]{0,30}(ns|µs|ms|s|m|h|x)?){0,4}") {
            parse(&text);
        }
    }
}
