//! What must hold whatever is written where a duration or a range of versions belongs. Each panics where that is broken.
//!
//! The crate `fuzz` at the root gives them bytes without end, on nightly; the test here gives them the seeds of its corpus.
use crate::{
    duration::{NotADuration, format, parse},
    versions::{Range, version},
};

/// Longer texts take the reference too long, and say no more.
const LONGEST: usize = 200;

/// A text is a duration exactly if the schema's pattern matches and Go could hold it, and what is read is written and read back.
pub fn durations(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    if text.len() > LONGEST {
        return;
    }
    let read = parse(text);
    assert_eq!(matches(text), read != Err(NotADuration::Malformed), "{text:?}: {read:?}");
    if let Ok(duration) = read {
        assert_eq!(parse(&format(duration)), read, "{text:?} is written as {:?}", format(duration));
    }
}

/// The first line is a range, each other one a tag: of those that it holds the newest is found in whatever order they come, and none
/// of them is newer.
pub fn versions(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let mut lines = text.split('\n');
    let Ok(range) = Range::parse(lines.next().unwrap_or_default()) else { return };
    let tags: Vec<&str> = lines.collect();
    let newest = range.newest(tags.iter().copied());
    assert_eq!(range.newest(tags.iter().rev().copied()), newest, "in another order");
    let mut held = tags.iter().filter_map(|tag| version(tag)).filter(|version| range.contains(version));
    let Some(newest) = newest else { return assert_eq!(held.next(), None, "one is held") };
    let newest = version(newest).expect("it was found by its version");
    assert!(range.contains(&newest), "{newest} is not held");
    assert!(held.all(|held| held.cmp_precedence(&newest).is_le()), "{newest} is not the newest");
}

/// The pattern read literally, with every choice tried: what the parser is measured by.
fn matches(text: &str) -> bool {
    let after_digits = |text: &str| {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        (1..=digits).map(|count| text[count..].to_owned()).collect::<Vec<_>>()
    };
    let after_number = |text: &str| {
        let whole = after_digits(text);
        let fractions = whole.iter().filter_map(|rest| rest.strip_prefix('.')).flat_map(after_digits);
        fractions.chain(whole.iter().cloned()).collect::<Vec<_>>()
    };
    after_number(text).iter().any(|rest| {
        let rests = ["ms", "s", "m", "h"].iter().filter_map(|unit| rest.strip_prefix(unit));
        rests.into_iter().any(|rest| rest.is_empty() || matches(rest))
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_seed_is_judged() {
        seeds::replay(&[("durations", super::durations), ("versions", super::versions)]);
    }
}
