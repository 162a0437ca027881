//! Which files an archive holds, where, and that nothing about them is dangerous.
use super::{UnpackError, select::Selection};
use crate::{EntryPath, InvalidPath, pack::Mode};
use std::collections::{BTreeMap, btree_map::Entry as Place};

/// More than any set of manifests, few enough for memory and time.
pub(super) const MOST_ENTRIES: u64 = 50_000;

pub(super) const TOO_MANY: &str = "more than 50,000";

/// All names together, folders that are only implied included.
pub(super) const MOST_NAME_BYTES: usize = 4 * 1024 * 1024;

pub(super) const TOO_LONG: &str = "their names have more than 4 MiB";

/// How much of a name is shown.
const SHOWN: usize = 80;

/// The entries of an archive, sorted.
#[derive(Debug, Default)]
pub(super) struct Index {
    entries: BTreeMap<EntryPath, Kind>,
    count: u64,
    name_bytes: usize,
    pub(super) skipped_links: u64,
}

/// Where a file's bytes are, and what they are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) offset: u64,
    pub(super) length: u64,
    pub(super) mode: Mode,
}

/// What an entry is to be treated as.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    File(Span),
    Folder,
    Link,
}

impl Index {
    /// Itself, once all entries are in it.
    pub(super) fn whole(self) -> Result<Self, UnpackError> {
        if self.files().next().is_none() { Err(UnpackError::Empty) } else { Ok(self) }
    }

    /// The files that are selected, by the paths that they are to have.
    pub(super) fn selected(&self, selection: &Selection) -> Result<Self, UnpackError> {
        let mut selected = Self { skipped_links: self.skipped_links, ..Self::default() };
        for (path, span) in self.files() {
            if let Some(stays) = selection.of(path) {
                selected.put(path.as_str().as_bytes(), stays, Kind::File(*span))?;
            }
        }
        match selected.entries.is_empty() {
            true => Err(UnpackError::NothingSelected { files: self.files().count() }),
            false => Ok(selected),
        }
    }

    /// The files in the order of their paths.
    pub(super) fn files(&self) -> impl Iterator<Item = (&EntryPath, &Span)> {
        self.entries.iter().filter_map(|(path, kind)| match kind {
            Kind::File(span) => Some((path, span)),
            Kind::Folder | Kind::Link => None,
        })
    }

    /// Checks one more entry.
    pub(super) fn take(&mut self, name: &[u8], kind: Kind) -> Result<(), UnpackError> {
        self.count += 1;
        if self.count > MOST_ENTRIES {
            return Err(UnpackError::TooManyEntries(TOO_MANY));
        }
        let path = match path(name) {
            Ok(Some(path)) => path,
            // The root itself, which `tar c .` puts first.
            Ok(None) if matches!(kind, Kind::Folder) => return Ok(()),
            Ok(None) => return Err(unsafe_name(name, InvalidPath::Empty)),
            Err(why) => return Err(unsafe_name(name, why)),
        };
        self.skipped_links += u64::from(matches!(kind, Kind::Link));
        self.put(name, path, kind)
    }

    fn put(&mut self, name: &[u8], path: EntryPath, kind: Kind) -> Result<(), UnpackError> {
        self.place_folders(name, &path)?;
        self.place(name, path, kind)
    }

    /// The folders of an entry are folders, whether the archive lists them or not. Those of a known folder are known.
    fn place_folders(&mut self, name: &[u8], path: &EntryPath) -> Result<(), UnpackError> {
        for folder in path.folders() {
            let folder = EntryPath::new(folder).map_err(|why| unsafe_name(name, why))?;
            match self.entries.get(&folder) {
                Some(Kind::Folder) => return Ok(()),
                _ => self.place(name, folder, Kind::Folder)?,
            }
        }
        Ok(())
    }

    /// Two entries of one name would leave it to the reader which of them counts; only folders may come again.
    fn place(&mut self, name: &[u8], path: EntryPath, kind: Kind) -> Result<(), UnpackError> {
        let length = path.as_str().len();
        match self.entries.entry(path) {
            Place::Occupied(known) if matches!((known.get(), kind), (Kind::Folder, Kind::Folder)) => {
                return Ok(());
            }
            Place::Occupied(_) => return Err(UnpackError::Duplicate { name: shown(name) }),
            Place::Vacant(place) => place.insert(kind),
        };
        self.name_bytes += length;
        match self.name_bytes > MOST_NAME_BYTES {
            true => Err(UnpackError::TooManyEntries(TOO_LONG)),
            false => Ok(()),
        }
    }
}

/// The path that a name means; `None` for the root. Empty and `.` steps are common and mean nothing.
fn path(name: &[u8]) -> Result<Option<EntryPath>, InvalidPath> {
    let name = str::from_utf8(name).map_err(|_| InvalidPath::NotUtf8)?;
    if name.starts_with('/') {
        return Err(InvalidPath::Absolute);
    }
    let steps: Vec<&str> = name.split('/').filter(|step| !matches!(*step, "" | ".")).collect();
    match steps.is_empty() {
        true => Ok(None),
        false => EntryPath::new(steps.join("/")).map(Some),
    }
}

fn unsafe_name(name: &[u8], source: InvalidPath) -> UnpackError {
    UnpackError::UnsafeName { name: shown(name), source }
}

/// The start of a name, fit to be shown.
pub(super) fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(&name[..name.len().min(SHOWN)]).into_owned()
}
