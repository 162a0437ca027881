//! Which files a tar holds, where, and that nothing about them is dangerous.
use super::{
    UnpackError,
    entry::{Entries, Entry},
    spool::Spool,
};
use crate::{EntryPath, InvalidPath, pack::Mode};
use std::collections::{BTreeMap, btree_map::Entry as Place};
use tar::EntryType;

/// More than any set of manifests, few enough for memory and time.
const MOST_ENTRIES: usize = 50_000;

/// All names together, folders that are only implied included.
const MOST_NAME_BYTES: usize = 4 * 1024 * 1024;

/// How much of a name is shown.
const SHOWN: usize = 80;

/// The entries of a tar, sorted.
#[derive(Debug)]
pub(super) struct Index {
    entries: BTreeMap<EntryPath, Kind>,
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

#[derive(Clone, Copy, Debug)]
enum Kind {
    File(Span),
    Folder,
    Link,
}

impl Index {
    /// Checks every entry.
    pub(super) fn new(spool: &Spool) -> Result<Self, UnpackError> {
        let mut index = Self { entries: BTreeMap::new(), name_bytes: 0, skipped_links: 0 };
        let mut entries = Entries::new(spool);
        let mut count = 0;
        while let Some(entry) = entries.next()? {
            count += 1;
            if count > MOST_ENTRIES {
                return Err(UnpackError::TooManyEntries("more than 50,000"));
            }
            index.take(&entry)?;
        }
        if index.files().next().is_none() {
            return Err(UnpackError::Empty);
        }
        Ok(index)
    }

    /// The files in the order of their paths.
    pub(super) fn files(&self) -> impl Iterator<Item = (&EntryPath, &Span)> {
        self.entries.iter().filter_map(|(path, kind)| match kind {
            Kind::File(span) => Some((path, span)),
            Kind::Folder | Kind::Link => None,
        })
    }

    fn take(&mut self, entry: &Entry) -> Result<(), UnpackError> {
        let kind = kind(entry)?;
        let path = match path(&entry.name) {
            Ok(Some(path)) => path,
            // The root itself, which `tar c .` puts first.
            Ok(None) if matches!(kind, Kind::Folder) => return Ok(()),
            Ok(None) => return Err(unsafe_name(entry, InvalidPath::Empty)),
            Err(why) => return Err(unsafe_name(entry, why)),
        };
        self.skipped_links += u64::from(matches!(kind, Kind::Link));
        self.place_folders(entry, &path)?;
        self.place(entry, path, kind)
    }

    /// The folders of an entry are folders, whether the archive lists them or not. Those of a known folder are known.
    fn place_folders(&mut self, entry: &Entry, path: &EntryPath) -> Result<(), UnpackError> {
        for folder in path.folders() {
            let folder = EntryPath::new(folder).map_err(|why| unsafe_name(entry, why))?;
            match self.entries.get(&folder) {
                Some(Kind::Folder) => return Ok(()),
                _ => self.place(entry, folder, Kind::Folder)?,
            }
        }
        Ok(())
    }

    /// Two entries of one name would leave it to the reader which of them counts; only folders may come again.
    fn place(&mut self, entry: &Entry, path: EntryPath, kind: Kind) -> Result<(), UnpackError> {
        let length = path.as_str().len();
        match self.entries.entry(path) {
            Place::Occupied(known) if matches!((known.get(), kind), (Kind::Folder, Kind::Folder)) => {
                return Ok(());
            }
            Place::Occupied(_) => return Err(UnpackError::Duplicate { name: shown(&entry.name) }),
            Place::Vacant(place) => place.insert(kind),
        };
        self.name_bytes += length;
        match self.name_bytes > MOST_NAME_BYTES {
            true => Err(UnpackError::TooManyEntries("their names have more than 4 MiB")),
            false => Ok(()),
        }
    }
}

/// What an entry is to be treated as.
fn kind(entry: &Entry) -> Result<Kind, UnpackError> {
    let Entry { offset, length, mode, .. } = *entry;
    let special = |kind| Err(UnpackError::Special { name: shown(&entry.name), kind });
    let kind = match entry.kind {
        // Before 1988 a folder was a file whose name ends in a slash.
        EntryType::Regular if entry.name.ends_with(b"/") => Kind::Folder,
        EntryType::Regular | EntryType::Continuous => Kind::File(Span { offset, length, mode }),
        EntryType::Directory => Kind::Folder,
        EntryType::Symlink | EntryType::Link => Kind::Link,
        EntryType::Char | EntryType::Block => return special("a device"),
        EntryType::Fifo => return special("a pipe"),
        EntryType::GNUSparse => return special("a sparse file"),
        _ => return special("of an unknown kind"),
    };
    match kind {
        // Some readers skip such data, others take it for the next header.
        Kind::Folder | Kind::Link if length > 0 => {
            Err(UnpackError::Damaged("an entry that is no file has data"))
        }
        kind => Ok(kind),
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

fn unsafe_name(entry: &Entry, source: InvalidPath) -> UnpackError {
    UnpackError::UnsafeName { name: shown(&entry.name), source }
}

/// The start of a name, fit to be shown.
fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(&name[..name.len().min(SHOWN)]).into_owned()
}
