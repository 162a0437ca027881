//! From an archive that somebody else made to the files in it. Nothing of it is trusted.
//!
//! The archive is decompressed into a file without a name, its entries are checked one by one into a sorted index, and
//! only when all of them are known to be harmless is the first file packed, if it is one of those that are selected. Memory is bounded by the number of
//! entries, time and disk by the limit of the installation.
mod entry;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod index;
pub(crate) mod pax;
pub(crate) mod select;
mod spool;
mod zip;

use crate::{
    EntryPath, InvalidPath,
    pack::{Mode, PackError, Packer},
};
use crds::reasons;
use index::{Index, Span};
use select::Selection;
use spool::Spool;
use std::io::{self, Read, Write};
use tar::Header;
use thiserror::Error;

/// How many bytes of a body [`detect`] wants to see.
pub const HEAD: usize = 512;

/// The kinds of archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// tar.
    Tar,
    /// gzip: of a tar, or of a single file.
    Gzip,
    /// zip.
    Zip,
}

/// The files of an archive, in the order in which they are packed.
#[derive(Debug)]
pub struct Unpacked {
    spool: Spool,
    files: Files,
}

#[derive(Debug)]
enum Files {
    /// A compressed file that is no tar.
    Single,
    Many(Index),
}

/// Why an archive was not unpacked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UnpackError {
    /// The archive cannot be read; the source's own error is inside.
    #[error("the archive cannot be read")]
    Read(#[source] io::Error),

    /// It could not be kept aside while it is checked.
    #[error("the unpacked archive cannot be written to a temporary file")]
    NotSpooled(#[source] io::Error),

    /// It is something else.
    #[error("the body is neither a tar, a gzip nor a zip")]
    NotAnArchive,

    /// It breaks the rules of its format.
    #[error("the archive is damaged: {0}")]
    Damaged(&'static str),

    /// It ends before its end.
    #[error("the archive is cut off")]
    CutOff,

    /// It holds more than this installation allows.
    #[error("the archive unpacks to more than {limit} bytes, the limit of this installation")]
    TooLarge {
        /// The limit.
        limit: u64,
    },

    /// It grows beyond what data that means something does.
    #[error("the archive unpacks to more than {ratio} times its size")]
    Bomb {
        /// The limit.
        ratio: u64,
    },

    /// It has more entries, or more text in their names, than is reasonable.
    #[error("the archive has too many entries: {0}")]
    TooManyEntries(&'static str),

    /// It holds no file.
    #[error("the archive holds no file")]
    Empty,

    /// It holds files, and none that is wanted.
    #[error(
        "spec.select leaves nothing of the {files} files in the archive; is `stripComponents` too large, or does no path match?"
    )]
    NothingSelected {
        /// How many there are.
        files: usize,
    },

    /// An entry has a name that could lead out of its folder.
    #[error("the archive has an entry {name:?} whose name is not safe")]
    UnsafeName {
        /// The start of the name.
        name: String,
        /// What is wrong with it.
        source: InvalidPath,
    },

    /// Two entries have the same name, or one is in a folder that is a file or a link.
    #[error("the archive has a second entry for {name:?} or for its folder")]
    Duplicate {
        /// The start of the name.
        name: String,
    },

    /// An entry is no file, no folder and no link.
    #[error("the archive has an entry {name:?} that is {kind}")]
    Special {
        /// The start of the name.
        name: String,
        /// What it is.
        kind: &'static str,
    },
}

impl UnpackError {
    /// The reason of the condition that reports it.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Read(_) | Self::CutOff => reasons::TRUNCATED,
            Self::NotSpooled(error) if error.kind() == io::ErrorKind::StorageFull => reasons::STORE_FULL,
            Self::NotSpooled(_) => reasons::STORAGE_OPERATION_FAILED,
            Self::TooLarge { .. } | Self::Bomb { .. } => reasons::TOO_LARGE,
            Self::NotAnArchive => reasons::NOT_AN_ARCHIVE,
            Self::NothingSelected { .. } => reasons::NOTHING_SELECTED,
            _ => reasons::UNSAFE_ARCHIVE,
        }
    }
}

/// Whether a body is an archive, by its first [`HEAD`] bytes (all, if it has fewer) and the content type that the
/// source gives. The bytes decide; the type only where they cannot: tar had no magic number before 1988.
pub fn detect(head: &[u8], content_type: Option<&str>) -> Option<Format> {
    const GZIP: &[u8] = &[0x1f, 0x8b, 8];
    const ZIP: &[&[u8]] = &[b"PK\x03\x04", zip::EMPTY];
    let says_tar = content_type.is_some_and(|kind| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("application/x-tar") || kind.eq_ignore_ascii_case("application/tar")
    });
    match head.first_chunk() {
        _ if head.starts_with(GZIP) => Some(Format::Gzip),
        _ if ZIP.iter().any(|start| head.starts_with(start)) => Some(Format::Zip),
        Some(block) if is_header(block) && (says_tar || has_magic(block)) => Some(Format::Tar),
        _ => None,
    }
}

/// What is wrong with a body that must be an archive, and of which [`detect`] says that it is none. A tar without any
/// entry consists of zeros alone, so by itself it cannot be told from other data.
pub fn refusal(head: &[u8]) -> UnpackError {
    match head.first_chunk() {
        Some(block) if is_end(block) => UnpackError::Empty,
        _ => UnpackError::NotAnArchive,
    }
}

/// Reads a whole archive, and checks all that is in it, before a single byte of it is used. `limit` bounds what it
/// unpacks to, in bytes.
///
/// # Errors
/// The first thing that is wrong with it. Links are not wrong: they are left out, and counted.
pub fn unpack(body: impl Read, format: Format, limit: u64) -> Result<Unpacked, UnpackError> {
    let spool = match format {
        Format::Tar => Spool::plain(body, limit)?,
        Format::Gzip => Spool::gzip(body, limit)?,
        Format::Zip => {
            let (spool, index) = zip::unpack(&Spool::plain(body, limit)?, limit)?;
            return Ok(Unpacked { spool, files: Files::Many(index) });
        }
    };
    let is_tar =
        format == Format::Tar || spool.head()?.is_some_and(|block| is_header(&block) || is_end(&block));
    let files = match is_tar {
        true => Files::Many(entry::index(&spool)?),
        false => Files::Single,
    };
    Ok(Unpacked { spool, files })
}

impl Unpacked {
    /// How many links were left out.
    pub fn skipped_links(&self) -> u64 {
        match &self.files {
            Files::Single => 0,
            Files::Many(index) => index.skipped_links,
        }
    }

    /// Only the files that are selected. A single compressed file has no path by which it could be, and stays.
    ///
    /// # Errors
    /// None is left, or two are left with one name.
    pub fn select(self, selection: &Selection) -> Result<Self, UnpackError> {
        let files = match self.files {
            Files::Many(index) if !selection.is_all() => Files::Many(index.selected(selection)?),
            files => files,
        };
        Ok(Self { files, ..self })
    }

    /// Packs the files: into the folder `destination` if it is given, else at the root. A single compressed file takes
    /// `destination` as its name, and is called `data` without.
    ///
    /// # Errors
    /// Those of the packer; and [`PackError::Path`] if a name becomes too long below `destination`.
    pub fn pack<W: Write>(
        &self,
        packer: &mut Packer<W>,
        destination: Option<&EntryPath>,
    ) -> Result<(), PackError> {
        let Files::Many(index) = &self.files else {
            let path = destination.cloned().unwrap_or_else(EntryPath::unnamed);
            return packer.file(&path, Mode::Plain, self.spool.length, self.spool.read(0, self.spool.length));
        };
        for (path, Span { offset, length, mode }) in index.files() {
            let contents = self.spool.read(*offset, *length);
            match destination {
                None => packer.file(path, *mode, *length, contents)?,
                Some(folder) => packer.file(&below(folder, path)?, *mode, *length, contents)?,
            }
        }
        Ok(())
    }
}

fn below(folder: &EntryPath, path: &EntryPath) -> Result<EntryPath, PackError> {
    path.below(folder).map_err(|source| PackError::Path { path: path.clone(), source })
}

/// Whether a block is a tar header: its sum is right.
pub(crate) fn is_header(block: &[u8; HEAD]) -> bool {
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    let field: u32 = block[148..156].iter().map(|byte| u32::from(*byte)).sum();
    let blank = 8 * u32::from(b' ');
    Header::from_byte_slice(block).cksum().is_ok_and(|written| written == sum - field + blank)
}

fn has_magic(block: &[u8; HEAD]) -> bool {
    block[257..].starts_with(b"ustar")
}

/// Whether a block is one of those that end a tar.
pub(crate) fn is_end(block: &[u8; HEAD]) -> bool {
    *block == [0; HEAD]
}

#[cfg(test)]
mod tests;
