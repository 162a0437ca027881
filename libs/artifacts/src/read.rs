//! Files out of a stored archive, without unpacking the archive: it is inflated as it comes, and for one file only up to it.
mod files;
mod inflated;
mod media_type;

pub use files::{Contents, Files, Listed};

use crate::{
    Blob, BlobKey, EntryPath, StoreError,
    unpack::{is_end, is_header, pax::Records},
};

use bytes::Bytes;
use futures::{StreamExt, stream, stream::BoxStream};
use inflated::Inflated;
use tar::{EntryType, Header};

const BLOCK: u64 = 512;

/// Our own archives have one short record before a long name.
const LONGEST_RECORD: u64 = 4096;

/// A file on its way out of an archive.
pub struct FileInArchive {
    /// Its path in the archive.
    pub path: EntryPath,
    /// Its size in bytes.
    pub size: u64,
    /// What its name says that it is. A guess, to be shown to people and never to be acted on.
    pub media_type: &'static str,
    /// Its bytes; an error in the place of what is missing.
    pub bytes: BoxStream<'static, Result<Bytes, StoreError>>,
}

/// The file `path` of an archive that [`crate::pack`] made; `None` if it holds no such file. Memory stays the same
/// whatever the sizes are.
///
/// # Errors
/// The blob cannot be read, or is no such archive.
pub async fn file_in(blob: Blob, path: &str) -> Result<Option<FileInArchive>, StoreError> {
    let Ok(wanted) = EntryPath::new(path.strip_prefix("./").unwrap_or(path)) else {
        return Ok(None);
    };
    let mut tar = Tar { key: blob.info.key.clone(), bytes: Inflated::new(blob) };
    while let Some(entry) = tar.next().await? {
        match (entry.is_file, entry.path.cmp(&wanted)) {
            (true, std::cmp::Ordering::Equal) => return Ok(Some(tar.file(entry))),
            // Entries are sorted: the file would have come before.
            (_, std::cmp::Ordering::Greater) => return Ok(None),
            _ => tar.bytes.skip(entry.size.next_multiple_of(BLOCK)).await?,
        }
    }
    Ok(None)
}

impl std::fmt::Debug for FileInArchive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileInArchive")
            .field("path", &self.path)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

/// An archive, read from its start.
struct Tar {
    key: BlobKey,
    bytes: Inflated,
}

/// What a header says of what follows it.
struct Entry {
    path: EntryPath,
    size: u64,
    is_file: bool,
    is_executable: bool,
}

impl Tar {
    /// The next file or folder; its data is not read yet.
    async fn next(&mut self) -> Result<Option<Entry>, StoreError> {
        let mut name = None;
        loop {
            let Some(header) = self.header().await? else {
                return Ok(None);
            };
            let size = header.entry_size().map_err(|_| self.unknown("an entry has no size"))?;
            if header.entry_type() == EntryType::XHeader {
                name = self.long_name(size).await?;
                continue;
            }
            let name = name.unwrap_or_else(|| header.path_bytes().into_owned());
            let name = String::from_utf8(name).map_err(|_| self.unknown("an entry has no name"))?;
            let is_file = header.entry_type().is_file();
            let is_executable = header.mode().is_ok_and(|mode| mode & 0o111 != 0);
            let path = EntryPath::new(name.trim_end_matches('/'));
            let path = path.map_err(|_| self.unknown("an entry has a name that is none"))?;
            return Ok(Some(Entry { path, size, is_file, is_executable }));
        }
    }

    async fn header(&mut self) -> Result<Option<Header>, StoreError> {
        let block = self.bytes.read(BLOCK).await?;
        let block = block.as_slice().try_into().expect("a block was read");
        if is_end(block) {
            return Ok(None);
        }
        match is_header(block) {
            true => Ok(Some(Header::from_byte_slice(block).clone())),
            false => Err(self.unknown("a header is none")),
        }
    }

    async fn long_name(&mut self, size: u64) -> Result<Option<Vec<u8>>, StoreError> {
        if size > LONGEST_RECORD {
            return Err(self.unknown("a name is too long"));
        }
        let mut record = self.bytes.read(size.next_multiple_of(BLOCK)).await?;
        record.truncate(size as usize);
        Records::parse(&record).map(|records| records.path).map_err(|_| self.unknown("a name is none"))
    }

    /// The data of the entry that [`Tar::next`] found last.
    fn file(self, entry: Entry) -> FileInArchive {
        let bytes = stream::try_unfold((self.bytes, entry.size), |(mut bytes, left)| async move {
            if left == 0 {
                return Ok(None);
            }
            let piece = bytes.piece(left).await?;
            let left = left - piece.len() as u64;
            Ok(Some((piece, (bytes, left))))
        });
        let media_type = media_type::of(entry.path.as_str());
        FileInArchive { path: entry.path, size: entry.size, media_type, bytes: bytes.boxed() }
    }

    fn unknown(&self, why: &'static str) -> StoreError {
        StoreError::NotAnArchive { key: self.key.clone(), why }
    }
}

#[cfg(test)]
mod tests;
