//! Versions as SemVer 2 orders them, and ranges of them in the words of Go's Masterminds/semver, which Flux and Helm take.
//!
//! `>=1.2 <2`, `^1.4`, `~1.4.2`, `1.x`, `1.2 - 1.5`, `!=1.3.0`; a space or comma between means both, `||` either. A version with
//! a suffix such as `-rc.1` is in a range only if one of its bounds has a suffix, as in `>=1.0.0-0`.
mod filter;

pub use filter::Filter;
pub(crate) use filter::judge_filter;

use crate::rules::Violations;
use semver::{Prerelease, Version};
use std::cmp::Ordering;

/// Longest range, in bytes: bounds the work of each comparison.
const LONGEST: usize = 256;

/// A set of versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range(Vec<Vec<Bound>>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Bound {
    operator: Operator,
    /// What is not given is 0.
    version: Version,
    /// How many numbers of it are given, 0 for `*`.
    given: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Is,
    IsNot,
    Above,
    AtLeast,
    Below,
    AtMost,
    /// The last number that is given may rise.
    Tilde,
    /// What comes after the first number that is not 0 may rise.
    Caret,
}

/// The version that a tag names, whose three numbers are all there; a `v` in front is no part of it.
pub fn version(tag: &str) -> Option<Version> {
    Version::parse(tag.strip_prefix('v').unwrap_or(tag)).ok()
}

/// Finds what is wrong with the range of a field.
pub(crate) fn judge(found: &mut Violations, field: &str, text: &str) {
    if text.len() > LONGEST {
        found.too_long(field, text.len(), LONGEST);
    } else if let Err(problem) = Range::parse(text) {
        found.invalid(field, text, &problem);
    }
}

impl Range {
    /// Reads a range.
    ///
    /// # Errors
    /// In words that say what it must be.
    pub fn parse(text: &str) -> Result<Self, String> {
        text.split("||").map(all_of).collect::<Result<_, _>>().map(Self)
    }

    /// Whether it holds the version.
    pub fn contains(&self, version: &Version) -> bool {
        let group = |bounds: &Vec<Bound>| {
            let wants_prerelease = bounds.iter().any(|bound| !bound.version.pre.is_empty());
            (version.pre.is_empty() || wants_prerelease) && bounds.iter().all(|bound| bound.holds(version))
        };
        self.0.iter().any(group)
    }

    /// The newest of those tags that it holds; what is no version is left out. Of two that are equal, the one that sorts last.
    pub fn newest<'t>(&self, tags: impl Iterator<Item = &'t str>) -> Option<&'t str> {
        let versions = tags.filter_map(|tag| Some((version(tag)?, tag)));
        let order = |(one, of_one): &(Version, &str), (other, of_other): &(Version, &str)| {
            one.cmp_precedence(other).then_with(|| of_one.cmp(of_other))
        };
        versions.filter(|(version, _)| self.contains(version)).max_by(order).map(|(_, tag)| tag)
    }
}

impl Bound {
    fn holds(&self, version: &Version) -> bool {
        let (given, wanted) = (numbers(version), numbers(&self.version));
        let order = version.cmp_precedence(&self.version);
        let same = |count: usize| given[..count] == wanted[..count];
        let whole = self.given == 3;
        match self.operator {
            Operator::Is if whole => order == Ordering::Equal,
            Operator::Is => same(self.given),
            Operator::IsNot if whole => order != Ordering::Equal,
            Operator::IsNot => !same(self.given),
            Operator::Above if whole => order == Ordering::Greater,
            Operator::Above => given[..self.given] > wanted[..self.given],
            Operator::AtMost if whole => order != Ordering::Greater,
            Operator::AtMost => given[..self.given] <= wanted[..self.given],
            Operator::AtLeast => order != Ordering::Less,
            Operator::Below => order == Ordering::Less,
            Operator::Tilde => order != Ordering::Less && same(self.given.min(2)),
            Operator::Caret => order != Ordering::Less && same(self.fixed()),
        }
    }

    /// How many numbers a caret keeps.
    fn fixed(&self) -> usize {
        let leading = numbers(&self.version).iter().take_while(|number| **number == 0).count() + 1;
        leading.min(self.given)
    }
}

fn numbers(version: &Version) -> [u64; 3] {
    [version.major, version.minor, version.patch]
}

fn all_of(text: &str) -> Result<Vec<Bound>, String> {
    let mut bounds = Vec::new();
    let mut words = text.split([' ', ',', '\t']).filter(|word| !word.is_empty()).peekable();
    while let Some(word) = words.next() {
        if words.next_if_eq(&"-").is_some() {
            let last = words.next().ok_or("must name a version after -")?;
            bounds.extend([bound(Operator::AtLeast, word)?, bound(Operator::AtMost, last)?]);
            continue;
        }
        let (operator, version) = operator(word)?;
        let version = if version.is_empty() { words.next().unwrap_or_default() } else { version };
        bounds.push(bound(operator, version)?);
    }
    if bounds.is_empty() {
        Err("must be a range of versions such as >=1.2.0 <2.0.0".into())
    } else {
        Ok(bounds)
    }
}

fn operator(word: &str) -> Result<(Operator, &str), String> {
    let (operator, version) = word.split_at(word.find(|c| !"=!<>~^".contains(c)).unwrap_or(word.len()));
    let operator = match operator {
        "" | "=" => Operator::Is,
        "!=" => Operator::IsNot,
        ">" => Operator::Above,
        ">=" | "=>" => Operator::AtLeast,
        "<" => Operator::Below,
        "<=" | "=<" => Operator::AtMost,
        "~" | "~>" => Operator::Tilde,
        "^" => Operator::Caret,
        _ => return Err(format!("must compare by =, !=, <, >, <=, >=, ~ or ^, and not by {operator}")),
    };
    Ok((operator, version))
}

fn bound(operator: Operator, text: &str) -> Result<Bound, String> {
    let wrong = || format!("must name versions such as 1.2.3, 1.2 or 1.x, which {text:?} is not");
    let text_of = text.strip_prefix('v').unwrap_or(text);
    let text_of = text_of.split('+').next().unwrap_or_default();
    let (core, suffix) = text_of.split_once('-').map_or((text_of, None), |(core, rest)| (core, Some(rest)));
    let parts: Vec<&str> = core.split('.').collect();
    let is_any = |part: &&str| matches!(*part, "x" | "X" | "*");
    let given = parts.iter().position(is_any).unwrap_or(parts.len());
    if parts.len() > 3 || !parts[given..].iter().all(is_any) {
        return Err(wrong());
    }
    let mut numbers = [0; 3];
    for (number, part) in numbers.iter_mut().zip(&parts[..given]) {
        let is_number = part.bytes().all(|byte| byte.is_ascii_digit());
        *number = part.parse().ok().filter(|_| is_number).ok_or_else(wrong)?;
    }
    let [major, minor, patch] = numbers;
    let mut version = Version::new(major, minor, patch);
    if let Some(suffix) = suffix {
        version.pre = Some(suffix)
            .filter(|suffix| !suffix.is_empty())
            .and_then(|suffix| Prerelease::new(suffix).ok())
            .ok_or_else(wrong)?;
    }
    Ok(Bound { operator, version, given })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(range: &str, tag: &str) -> bool {
        Range::parse(range).expect(range).contains(&version(tag).expect(tag))
    }

    #[test]
    fn ranges_hold_what_masterminds_says_that_they_hold() {
        for (range, inside, outside) in [
            ("1.2.3", vec!["1.2.3", "v1.2.3+build"], vec!["1.2.4", "1.2.3-rc.1"]),
            ("*", vec!["0.0.0", "9.9.9"], vec!["1.0.0-rc.1"]),
            ("1.x", vec!["1.0.0", "1.9.9"], vec!["2.0.0", "0.9.0"]),
            ("1.2", vec!["1.2.0", "1.2.9"], vec!["1.3.0"]),
            (">=1.2 <2", vec!["1.2.0", "1.99.0"], vec!["2.0.0", "1.1.9", "1.5.0-rc.1"]),
            (">= 1.2, < 2", vec!["1.2.0"], vec!["2.0.0"]),
            (">1", vec!["2.0.0"], vec!["1.0.1", "1.9.9"]),
            (">1.2", vec!["1.3.0"], vec!["1.2.9"]),
            (">1.2.3", vec!["1.2.4"], vec!["1.2.3"]),
            ("<=1", vec!["1.9.9", "0.1.0"], vec!["2.0.0"]),
            ("<=1.2", vec!["1.2.9"], vec!["1.3.0"]),
            ("=<1.2.3", vec!["1.2.3"], vec!["1.2.4"]),
            ("~1.2.3", vec!["1.2.3", "1.2.9"], vec!["1.3.0", "1.2.2"]),
            ("~>1", vec!["1.0.0", "1.9.0"], vec!["2.0.0"]),
            ("^1.2.3", vec!["1.2.3", "1.9.0"], vec!["2.0.0", "1.2.2"]),
            ("^0.2.3", vec!["0.2.3", "0.2.9"], vec!["0.3.0", "0.2.2"]),
            ("^0.0.3", vec!["0.0.3"], vec!["0.0.4"]),
            ("^0.0", vec!["0.0.9"], vec!["0.1.0"]),
            ("^0", vec!["0.9.0"], vec!["1.0.0"]),
            ("1.2 - 1.4.5", vec!["1.2.0", "1.4.5"], vec!["1.4.6", "1.1.0"]),
            (">=1 !=1.3.0", vec!["1.2.0"], vec!["1.3.0"]),
            ("1.x !=1.3.x", vec!["1.2.0"], vec!["1.3.7"]),
            ("1.0.0 || ^3", vec!["1.0.0", "3.1.0"], vec!["2.0.0"]),
            (">=1.0.0-0", vec!["1.0.0-rc.1", "2.0.0-beta", "1.0.0"], vec!["0.9.0"]),
            (">=1.0.0-rc.2 <2", vec!["1.0.0-rc.10", "1.5.0-alpha"], vec!["1.0.0-rc.1", "2.0.0"]),
        ] {
            inside.iter().for_each(|tag| assert!(holds(range, tag), "{tag} is in {range}"));
            outside.iter().for_each(|tag| assert!(!holds(range, tag), "{tag} is not in {range}"));
        }
    }

    #[test]
    fn what_is_no_range_is_told() {
        for (range, said) in [
            ("", "must be a range"),
            ("1 ||", "must be a range"),
            ("latest", "\"latest\" is not"),
            (">=", "\"\" is not"),
            ("1.2.3.4", "is not"),
            ("1.x.3", "is not"),
            ("+1", "is not"),
            ("1 -", "after -"),
            ("==1", "and not by =="),
            ("1.0.0-", "is not"),
            ("99999999999999999999", "is not"),
        ] {
            let problem = Range::parse(range).expect_err(range);
            assert!(problem.contains(said), "{range}: {problem}");
        }
    }

    #[test]
    fn the_newest_is_found_among_tags_of_all_sorts() {
        let tags = ["latest", "v1.2.0", "1.10.0", "1.9.9", "2.0.0-rc.1", "1.10", "sha256-00.sig"];
        let newest = |range| Range::parse(range).expect(range).newest(tags.into_iter());
        assert_eq!(newest("1.x"), Some("1.10.0"));
        assert_eq!(newest("<1.9"), Some("v1.2.0"));
        assert_eq!(newest(">=1.0.0-0"), Some("2.0.0-rc.1"));
        assert_eq!(newest("3.x"), None);
    }
}
