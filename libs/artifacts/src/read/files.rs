//! Every file of an archive, one after the other.
use super::{BLOCK, Inflated, Tar};
use crate::{Blob, Digest, EntryPath, Hasher, StoreError};

/// The files of an archive in the order of their paths. Memory stays the same whatever the sizes are, but for the contents
/// that are asked for.
pub struct Files {
    tar: Tar,
    /// Bytes of the file that was found last.
    size: u64,
    /// Bytes that are left up to the next entry.
    left: u64,
}

/// A file of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its path in the archive.
    pub path: EntryPath,
    /// Its size in bytes.
    pub size: u64,
    /// Whether it is a program.
    pub is_executable: bool,
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contents {
    /// All of it.
    Whole(Vec<u8>),
    /// The digest of what is longer.
    Long(Digest),
}

impl Files {
    /// Those of a blob that [`crate::pack`] made.
    pub fn of(blob: Blob) -> Self {
        let tar = Tar { key: blob.info.key.clone(), bytes: Inflated::new(blob) };
        Self { tar, size: 0, left: 0 }
    }

    /// The next file. What was not read of the one before is passed over.
    ///
    /// # Errors
    /// The blob cannot be read, or is no such archive.
    pub async fn next(&mut self) -> Result<Option<Listed>, StoreError> {
        loop {
            self.tar.bytes.skip(std::mem::take(&mut self.left)).await?;
            let Some(entry) = self.tar.next().await? else { return Ok(None) };
            (self.size, self.left) = (entry.size, entry.size.next_multiple_of(BLOCK));
            if entry.is_file {
                let (path, size, is_executable) = (entry.path, entry.size, entry.is_executable);
                return Ok(Some(Listed { path, size, is_executable }));
            }
        }
    }

    /// What the file that was found last holds: all of it if that is `most` bytes or less. Once for each file.
    ///
    /// # Errors
    /// The blob cannot be read.
    pub async fn contents(&mut self, most: u64) -> Result<Contents, StoreError> {
        let size = std::mem::take(&mut self.size);
        self.left = self.left.saturating_sub(size);
        if size <= most {
            return self.tar.bytes.read(size).await.map(Contents::Whole);
        }
        let (mut hasher, mut unread) = (Hasher::default(), size);
        while unread > 0 {
            let piece = self.tar.bytes.piece(unread).await?;
            hasher.update(&piece);
            unread -= piece.len() as u64;
        }
        Ok(Contents::Long(hasher.finish()))
    }
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Files").field("blob", &self.tar.key).finish_non_exhaustive()
    }
}
