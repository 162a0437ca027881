//! Sizes as Kubernetes writes quantities: `100Mi`, `1Gi`, `500k`, `1024`.
use std::{fmt, str::FromStr};

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

const UNITS: [(&str, u64); 8] = [
    ("Ki", 1 << 10),
    ("Mi", 1 << 20),
    ("Gi", 1 << 30),
    ("Ti", 1 << 40),
    ("k", 1_000),
    ("M", 1_000_000),
    ("G", 1_000_000_000),
    ("T", 1_000_000_000_000),
];

impl FromStr for Size {
    type Err = NotASize;

    fn from_str(text: &str) -> Result<Self, NotASize> {
        let unit = UNITS.iter().find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?, *bytes)));
        let (number, bytes) = unit.unwrap_or((text, 1));
        let plain = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        let number: u64 = if plain { number.parse().ok() } else { None }.ok_or(NotASize)?;
        number.checked_mul(bytes).filter(|size| *size > 0).map(Self).ok_or(NotASize)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, bytes): &&(&str, u64)| self.0.is_multiple_of(*bytes);
        match UNITS[..4].iter().rev().find(fits) {
            Some((unit, bytes)) => write!(f, "{}{unit}", self.0 / bytes),
            None => write!(f, "{}", self.0),
        }
    }
}

/// A text that is no size.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotASize;

impl fmt::Display for NotASize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "must be a whole number of bytes above 0, with or without one of Ki, Mi, Gi, Ti, k, M, G, T",
        )
    }
}

impl std::error::Error for NotASize {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_quantities() {
        for (text, bytes) in [("100Mi", 100 << 20), ("1Gi", 1 << 30), ("1000", 1000), ("2Ki", 2048)] {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
            assert_eq!(Size(bytes).to_string(), text);
        }
        assert_eq!("5k".parse(), Ok(Size(5000)));
    }

    #[test]
    fn refuses_what_is_no_size() {
        for text in ["", "Mi", "-1", "+1", "1.5Gi", "1 Mi", "0", "0Ki", "99999999999Ti", "1MiB", "١Mi"] {
            assert_eq!(text.parse::<Size>(), Err(NotASize), "{text:?}");
        }
    }
}
