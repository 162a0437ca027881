//! What part of a representation a request wants. Pure.
use http::{HeaderMap, HeaderValue, header};
use std::ops::Range;

/// The part of a body of known size.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Whole,
    /// Never empty, never beyond the end.
    Part(Range<u64>),
    Unsatisfiable,
}

/// Whether the whole is wanted, whatever it is.
pub(super) fn is_plain(headers: &HeaderMap) -> bool {
    [header::RANGE, header::IF_MATCH, header::IF_NONE_MATCH].iter().all(|name| !headers.contains_key(name))
}

/// Reads `Range` and `If-Range`. Several ranges at once, other units and malformed values mean the whole, as RFC 9110
/// §14.2 allows; a validator that does not match does too (§13.1.5).
pub(super) fn wanted(headers: &HeaderMap, etag: &str, size: u64) -> Wanted {
    let Some(value) = headers.get(header::RANGE) else { return Wanted::Whole };
    if headers.get(header::IF_RANGE).is_some_and(|validator| validator.as_bytes() != etag.as_bytes()) {
        return Wanted::Whole;
    }
    value.to_str().ok().and_then(|text| single(text, size)).unwrap_or(Wanted::Whole)
}

/// Whether `If-None-Match` lists the tag. The comparison is weak (RFC 9110 §13.1.2).
pub(super) fn names(value: Option<&HeaderValue>, etag: &str) -> bool {
    listed(value).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// Whether `If-Match` lists the tag. The comparison is strong (RFC 9110 §13.1.1).
pub(super) fn demands(value: Option<&HeaderValue>, etag: &str) -> bool {
    listed(value).any(|tag| tag == "*" || tag == etag)
}

fn listed(value: Option<&HeaderValue>) -> impl Iterator<Item = &str> {
    let text = value.and_then(|value| value.to_str().ok()).unwrap_or_default();
    text.split(',').map(str::trim)
}

fn single(text: &str, size: u64) -> Option<Wanted> {
    let (first, last) = text.strip_prefix("bytes=")?.trim().split_once('-')?;
    let part = match (digits(first), digits(last)) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Some(first), None) if last.is_empty() => first..size,
        (None, Some(suffix)) if first.is_empty() => size.saturating_sub(suffix)..size,
        _ => return None,
    };
    Some(if part.start < part.end { Wanted::Part(part) } else { Wanted::Unsatisfiable })
}

fn digits(text: &str) -> Option<u64> {
    let numeric = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    // A number too large for 64 bits lies beyond any end.
    numeric.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TAG: &str = "\"sha256:ab\"";

    fn ask(range: &str) -> Wanted {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, range.parse().expect("header"));
        wanted(&headers, TAG, 100)
    }

    #[test]
    fn a_range_selects_its_bytes() {
        assert_eq!(ask("bytes=0-9"), Wanted::Part(0..10));
        assert_eq!(ask("bytes=90-"), Wanted::Part(90..100));
        assert_eq!(ask("bytes=-10"), Wanted::Part(90..100));
        assert_eq!(ask("bytes=-1000"), Wanted::Part(0..100));
        assert_eq!(ask("bytes=0-18446744073709551615"), Wanted::Part(0..100));
    }

    #[test]
    fn a_range_beyond_the_end_cannot_be_satisfied() {
        for range in ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=99999999999999999999-"] {
            assert_eq!(ask(range), Wanted::Unsatisfiable, "{range}");
        }
    }

    #[test]
    fn what_is_not_one_well_formed_range_means_the_whole() {
        for range in
            ["bytes=0-1,3-4", "items=0-1", "bytes=", "bytes=-", "bytes=5-2", "bytes=a-b", "bytes=+1-2", "x"]
        {
            assert_eq!(ask(range), Wanted::Whole, "{range}");
        }
    }

    #[test]
    fn a_range_of_another_version_means_the_whole() {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, HeaderValue::from_static("bytes=0-9"));
        headers.insert(header::IF_RANGE, HeaderValue::from_static("\"sha256:cd\""));
        assert_eq!(wanted(&headers, TAG, 100), Wanted::Whole);
        headers.insert(header::IF_RANGE, HeaderValue::from_static(TAG));
        assert_eq!(wanted(&headers, TAG, 100), Wanted::Part(0..10));
    }

    #[test]
    fn a_known_tag_is_recognized_in_every_spelling() {
        for value in ["\"sha256:ab\"", "W/\"sha256:ab\"", "\"x\", \"sha256:ab\"", "*"] {
            assert!(names(Some(&HeaderValue::from_str(value).expect("header")), TAG), "{value}");
        }
        assert!(!names(Some(&HeaderValue::from_static("\"x\"")), TAG));
        assert!(demands(Some(&HeaderValue::from_static("\"x\", \"sha256:ab\"")), TAG));
        assert!(
            !demands(Some(&HeaderValue::from_static("W/\"sha256:ab\"")), TAG),
            "a weak tag promises too little"
        );
        assert!(!names(None, TAG));
    }

    proptest! {
        #[test]
        fn any_header_wants_the_whole_or_a_part_that_exists(
            range in r"bytes=[0-9]{0,20}-[0-9]{0,20}|bytes=[0-9]{1,3}-[0-9]{0,3}|[ -~]{0,40}",
            size in prop_oneof![0..200_u64, any::<u64>()],
        ) {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, range.parse().expect("visible ASCII"));
            if let Wanted::Part(part) = wanted(&headers, TAG, size) {
                prop_assert!(part.start < part.end && part.end <= size, "{part:?} of {size}");
            }
        }

        #[test]
        fn any_part_that_exists_can_be_asked_for(first in 0..1_000_u64, length in 1..1_000_u64, rest in 0..1_000_u64) {
            let (end, size) = (first + length, first + length + rest);
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, format!("bytes={first}-{}", end - 1).parse().expect("visible ASCII"));
            prop_assert_eq!(wanted(&headers, TAG, size), Wanted::Part(first..end));
        }
    }
}
