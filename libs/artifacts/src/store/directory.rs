//! What a local directory needs beyond object_store: one owner, private modes, no symlinks, and a sweep after a crash.
//!
//! object_store's `LocalFileSystem` writes atomically and durably, but it follows symlinks, creates files with the
//! process's umask, hides what a crash left behind, does not know that a second process is at work, and goes to another
//! thread for each step of a write. So it is left what is large, and [`Directory::write`] does the rest.
use super::{StoreError, key::ROOT};
use crate::failpoint::{Disk, disk};
use bytes::Bytes;
use jiff::Timestamp;
use rustix::fs::{AtFlags, Mode, OFlags, fsync, open, openat, renameat, unlinkat};
use std::{
    fs::{self, DirBuilder, DirEntry, File, Metadata, OpenOptions, Permissions, TryLockError},
    io::{self, Write},
    os::{
        fd::OwnedFd,
        unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    },
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};
use tracing::{info, warn};

/// Where uploads wait until they are whole.
pub(super) const STAGING: &str = ".staging";

/// Between the name of a file and a number, while it is being written; object_store names its own in the same way.
const BESIDE: char = '#';

const LOCK: &str = ".lock";
const PRIVATE_DIRECTORY: u32 = 0o700;
const PRIVATE_FILE: u32 = 0o600;

/// A directory that this process, and no other, owns while the value lives.
#[derive(Debug)]
pub(super) struct Directory {
    root: PathBuf,
    /// Device and number, by which it is known again.
    identity: (u64, u64),
    /// How many files were written, by which those that are being written are told apart.
    written: AtomicU64,
    _lock: File,
}

/// A regular file below the directory.
#[derive(Debug)]
pub(super) struct FileEntry {
    /// Its path below the directory, with `/`.
    pub(super) path: String,
    /// Its size in bytes.
    pub(super) size: u64,
    /// When it was written.
    pub(super) stored_at: Timestamp,
}

impl Directory {
    /// Creates the directory if need be, becomes its owner, and removes what a crash left behind.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        const ATTEMPT: &str = "opening its directory";
        let create = DirBuilder::new().recursive(true).mode(PRIVATE_DIRECTORY).create(path);
        create.map_err(|error| StoreError::write(ATTEMPT, error))?;
        let root = path.canonicalize().map_err(|error| StoreError::read(ATTEMPT, error))?;
        let lock = open_lock(&root.join(LOCK)).map_err(|error| StoreError::write(ATTEMPT, error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::InUse { directory: root }),
            Err(TryLockError::Error(error)) => return Err(StoreError::read(ATTEMPT, error)),
        }
        let identity = identity(&root).map_err(|error| StoreError::read(ATTEMPT, error))?;
        let directory = Self { root, identity, written: AtomicU64::default(), _lock: lock };
        directory.sweep().map_err(|error| StoreError::read(ATTEMPT, error))?;
        Ok(directory)
    }

    /// The directory itself, without symlinks.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Creates the directories above `file`, for this user alone. Refuses to go through a symlink.
    pub(super) fn prepare(&self, file: &str) -> io::Result<()> {
        let mut parent = self.root.clone();
        for segment in parents(file) {
            let directory = parent.join(segment);
            match DirBuilder::new().mode(PRIVATE_DIRECTORY).create(&directory) {
                Ok(()) => File::open(&parent)?.sync_all()?,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
            if !directory.symlink_metadata()?.is_dir() {
                return Err(io::ErrorKind::NotADirectory.into());
            }
            parent = directory;
        }
        Ok(())
    }

    /// Writes a file durably, all at once, and for this user alone, in place of an earlier one. Returns it, as it lies
    /// there then. Refuses to go through a symlink; replaces one.
    pub(super) fn write(&self, file: &str, pieces: &[Bytes]) -> io::Result<File> {
        let folder = self.folder_of(file)?;
        let written = folder.write(file, pieces)?;
        folder.sync().map(|()| written)
    }

    /// The folder that `file` is in or is to be in, made if need be.
    pub(super) fn folder_of(&self, file: &str) -> io::Result<Folder<'_>> {
        let opened = match self.opened(parents(file)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.prepare(file)?;
                self.opened(parents(file))?
            }
            opened => opened?,
        };
        Ok(Folder { directory: self, opened })
    }

    /// A directory below this one, reached without a symlink.
    fn opened<'a>(&self, segments: impl Iterator<Item = &'a str>) -> io::Result<OwnedFd> {
        let how = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut found = open(&self.root, how, Mode::empty())?;
        for segment in segments {
            found = openat(&found, segment, how, Mode::empty())?;
        }
        Ok(found)
    }

    /// Takes a file's rights from everybody but this user.
    pub(super) fn make_private(&self, file: &str) -> io::Result<()> {
        fs::set_permissions(self.root.join(file), Permissions::from_mode(PRIVATE_FILE))
    }

    /// Whether `file` is a regular file that is reached through directories alone: no symlink, no pipe, no device. An
    /// error where nobody can tell: of a directory that was taken away nothing is known, and nothing is missing from it.
    pub(super) fn holds(&self, file: &str) -> io::Result<bool> {
        if self.reaches(parents(file))?
            && present(self.root.join(file).symlink_metadata())?.is_some_and(|meta| meta.is_file())
        {
            return Ok(true);
        }
        self.is_here().map(|()| false)
    }

    /// Opens a file that [`holds`](Self::holds) finds.
    pub(super) fn file(&self, file: &str) -> io::Result<Option<File>> {
        if self.holds(file)? { present(File::open(self.root.join(file))) } else { Ok(None) }
    }

    /// Every regular file below `below`, symlinks not followed; nothing if it does not exist.
    pub(super) fn files(&self, below: &str) -> io::Result<Vec<FileEntry>> {
        let mut found = Vec::new();
        let mut waiting = Vec::new();
        match self.reaches(below.split('/'))? {
            true => waiting.push(self.root.join(below)),
            false => self.is_here()?,
        }
        while let Some(directory) = waiting.pop() {
            for entry in present(fs::read_dir(directory))?.into_iter().flatten() {
                let entry = entry?;
                match present(entry.metadata())? {
                    Some(meta) if meta.is_dir() => waiting.push(entry.path()),
                    Some(meta) if meta.is_file() => found.extend(self.describe(&entry, &meta)?),
                    _ => {}
                }
            }
        }
        Ok(found)
    }

    /// Removes a staged file, if it is there.
    pub(super) fn discard(&self, file: &str) {
        if let Err(error) = fs::remove_file(self.root.join(file))
            && error.kind() != io::ErrorKind::NotFound
        {
            warn!(%error, "staged upload not removed; the next start removes it");
        }
    }

    fn reaches<'a>(&self, segments: impl Iterator<Item = &'a str>) -> io::Result<bool> {
        let mut path = self.root.clone();
        for segment in segments {
            path.push(segment);
            if !present(path.symlink_metadata())?.is_some_and(|meta| meta.is_dir()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// An error if the directory was taken away, or another one lies in its place: a volume that is no longer mounted.
    fn is_here(&self) -> io::Result<()> {
        match identity(&self.root)? == self.identity {
            true => Ok(()),
            false => Err(io::Error::new(io::ErrorKind::NotFound, "another directory lies in its place")),
        }
    }

    /// `None` for a name that is not UTF-8: no key is.
    fn describe(&self, entry: &DirEntry, meta: &Metadata) -> io::Result<Option<FileEntry>> {
        let path = entry.path();
        let path = path.strip_prefix(&self.root).ok().and_then(Path::to_str).map(str::to_owned);
        let stored_at = Timestamp::try_from(meta.modified()?).unwrap_or(Timestamp::UNIX_EPOCH);
        Ok(path.map(|path| FileEntry { path, size: meta.len(), stored_at }))
    }

    /// Removes uploads that a crash cut off: staged ones, and what was written beside a blob.
    /// A directory that cannot be swept still serves.
    fn sweep(&self) -> io::Result<()> {
        let mut left = self.files(STAGING)?;
        left.extend(self.files(ROOT)?.into_iter().filter(|file| file.path.contains(BESIDE)));
        for file in &left {
            match fs::remove_file(self.root.join(&file.path)) {
                Ok(()) => info!(file.path, file.size, "removed an upload cut off by a crash"),
                Err(error) => warn!(%error, file.path, "an upload cut off by a crash stays"),
            }
        }
        Ok(())
    }
}

/// A folder of the directory, for files that come into it together.
pub(super) struct Folder<'a> {
    directory: &'a Directory,
    opened: OwnedFd,
}

impl Folder<'_> {
    /// Writes `file`, which is in this folder, as [`Directory::write`] does. After a crash it may be gone until the next
    /// [`sync`](Self::sync); never is it there in part.
    pub(super) fn write(&self, file: &str, pieces: &[Bytes]) -> io::Result<File> {
        let name = file.rsplit('/').next().unwrap_or(file);
        let staged = format!("{name}{BESIDE}{}", self.directory.written.fetch_add(1, Relaxed));
        let written = filled(&self.opened, &staged, pieces).and_then(|file| {
            disk(Disk::Rename)?;
            renameat(&self.opened, &staged, &self.opened, name)?;
            Ok(file)
        });
        if written.is_err() {
            // What cannot be removed now is removed by the next start.
            let _ = unlinkat(&self.opened, &staged, AtFlags::empty());
        }
        written
    }

    /// Brings the names of what was written to the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(fsync(&self.opened)?)
    }
}

/// A new file with those bytes, on the disk. One without bytes gets there with its name.
fn filled(parent: &OwnedFd, name: &str, pieces: &[Bytes]) -> io::Result<File> {
    let how = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let mut file = File::from(openat(parent, name, how, Mode::from_raw_mode(PRIVATE_FILE))?);
    for piece in pieces {
        disk(Disk::Write)?;
        file.write_all(piece)?;
    }
    if pieces.iter().any(|piece| !piece.is_empty()) {
        disk(Disk::Sync)?;
        file.sync_all()?;
    }
    Ok(file)
}

fn identity(directory: &Path) -> io::Result<(u64, u64)> {
    let meta = directory.symlink_metadata()?;
    Ok((meta.dev(), meta.ino()))
}

/// Opens the lock file: for writing, or in a directory that has become read-only as it is.
fn open_lock(path: &Path) -> io::Result<File> {
    let writable = OpenOptions::new().write(true).create(true).truncate(false).mode(PRIVATE_FILE).open(path);
    writable.or_else(|error| File::open(path).map_err(|_| error))
}

/// The segments before the last.
fn parents(file: &str) -> impl Iterator<Item = &str> {
    file.rsplit_once('/').into_iter().flat_map(|(parents, _)| parents.split('/'))
}

/// What was removed meanwhile is no error.
fn present<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}
