//! Names of files in an archive: relative, and the same for every program that reads them.
use serde::{Deserialize, Serialize};
use std::{cmp::Ordering, fmt, str::FromStr};
use thiserror::Error;

/// Longest path, and longest step of one, in bytes. Every file system that matters takes the second.
const LONGEST: usize = 1024;
const LONGEST_STEP: usize = 255;

/// The path of a file in an archive. Paths sort by their steps, so that what lies in a folder stays together.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct EntryPath(String);

/// Why a text is no [`EntryPath`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidPath {
    /// Nothing, or an empty step.
    #[error("it is empty, or has an empty step")]
    Empty,
    /// It starts at the root.
    #[error("it is absolute")]
    Absolute,
    /// A step leads up or nowhere, or ends so that Flux takes it for one that leads up.
    #[error("it has a step `.` or `..`, or a folder whose name ends in `..`")]
    Relative,
    /// A backslash, a NUL or another control character.
    #[error("it has a backslash or a control character")]
    Character,
    /// It is longer than file systems take.
    #[error("it is longer than {LONGEST} bytes, or one step is longer than {LONGEST_STEP}")]
    TooLong,
    /// It is not UTF-8.
    #[error("it is not UTF-8")]
    NotUtf8,
}

impl EntryPath {
    /// Checks a path.
    pub fn new(path: impl Into<String>) -> Result<Self, InvalidPath> {
        let path = path.into();
        check(&path).map(|()| Self(path))
    }

    /// What a file is called that nobody named.
    pub fn unnamed() -> Self {
        Self("data".into())
    }

    /// The path of `self` below the folder `above`.
    pub fn below(&self, above: &Self) -> Result<Self, InvalidPath> {
        Self::new(format!("{above}/{self}"))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folders that it lies in, the innermost first.
    pub fn folders(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.rmatch_indices('/').map(|(end, _)| &self.0[..end]).collect::<Vec<_>>().into_iter()
    }

    fn steps(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }
}

impl fmt::Display for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for EntryPath {
    type Error = InvalidPath;

    fn try_from(path: String) -> Result<Self, InvalidPath> {
        Self::new(path)
    }
}

impl From<EntryPath> for String {
    fn from(path: EntryPath) -> Self {
        path.0
    }
}

impl FromStr for EntryPath {
    type Err = InvalidPath;

    fn from_str(path: &str) -> Result<Self, InvalidPath> {
        Self::new(path)
    }
}

impl Ord for EntryPath {
    fn cmp(&self, other: &Self) -> Ordering {
        self.steps().cmp(other.steps())
    }
}

impl PartialOrd for EntryPath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn check(path: &str) -> Result<(), InvalidPath> {
    if path.starts_with('/') {
        return Err(InvalidPath::Absolute);
    }
    if path.contains(|c: char| c.is_control() || c == '\\') {
        return Err(InvalidPath::Character);
    }
    if path.len() > LONGEST {
        return Err(InvalidPath::TooLong);
    }
    // fluxcd/pkg `tar` refuses an archive with this text anywhere in a name.
    if path.contains("../") {
        return Err(InvalidPath::Relative);
    }
    path.split('/').try_for_each(|step| match step {
        "" => Err(InvalidPath::Empty),
        "." | ".." => Err(InvalidPath::Relative),
        _ if step.len() > LONGEST_STEP => Err(InvalidPath::TooLong),
        _ => Ok(()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_path_stays_where_it_is_unpacked() {
        let (step, long) = ("s".repeat(255), "d/".repeat(512) + "f");
        for good in ["a", "a/b.yaml", "..a/b..", "a b/ü", ".hidden", "a./b ", &step] {
            assert_eq!(EntryPath::new(good).map(|path| path.to_string()), Ok(good.to_owned()));
        }
        for (bad, why) in [
            ("", InvalidPath::Empty),
            ("a//b", InvalidPath::Empty),
            ("a/", InvalidPath::Empty),
            ("/etc/passwd", InvalidPath::Absolute),
            ("..", InvalidPath::Relative),
            ("a/../../b", InvalidPath::Relative),
            ("./a", InvalidPath::Relative),
            ("a../b", InvalidPath::Relative),
            ("a\\..\\b", InvalidPath::Character),
            ("a\0b", InvalidPath::Character),
            ("a\nb", InvalidPath::Character),
            ("a\u{85}", InvalidPath::Character),
            (&format!("{step}s"), InvalidPath::TooLong),
            (&long, InvalidPath::TooLong),
        ] {
            assert_eq!(EntryPath::new(bad), Err(why), "{bad:?}");
        }
    }

    #[test]
    fn what_lies_in_a_folder_stays_together() {
        let sorted = ["a/b", "a/b-c", "a/b/c", "a-b", "b"].map(|path| EntryPath::new(path).unwrap());
        assert!(!sorted.is_sorted());
        let mut paths = sorted.to_vec();
        paths.sort();
        let texts: Vec<_> = paths.iter().map(EntryPath::as_str).collect();
        assert_eq!(texts, ["a/b", "a/b/c", "a/b-c", "a-b", "b"]);
    }

    #[test]
    fn folders_are_named_from_the_inside() {
        let path = EntryPath::new("a/b/c").unwrap();
        assert_eq!(path.folders().collect::<Vec<_>>(), ["a/b", "a"]);
        assert_eq!(EntryPath::new("c").unwrap().folders().count(), 0);
    }

    proptest! {
        #[test]
        fn any_path_stays_in_its_folder(text in r"[a./\\\x00]{0,12}|.{0,40}") {
            if let Ok(path) = EntryPath::new(text) {
                let joined = std::path::Path::new("/root").join(path.as_str());
                prop_assert!(joined.components().all(|step| matches!(
                    step,
                    std::path::Component::Normal(_) | std::path::Component::RootDir
                )));
                prop_assert!(joined.starts_with("/root") && joined != std::path::Path::new("/root"));
            }
        }
    }
}
