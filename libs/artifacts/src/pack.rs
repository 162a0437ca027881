//! From files to a reproducible tar.gz: the same files give the same bytes, on every machine and at any time.
//!
//! The archive is what Flux's own archiver makes: a folder before what lies in it, sorted by the steps of paths, no
//! owners, no times, modes that only tell programs from data. Pure: bytes in, bytes out.
mod block;
mod gzip;
mod header;
mod workers;

use crate::{EntryPath, InvalidPath, TarDigest};
use crds::reasons;
use gzip::Gzip;
use std::io::{self, Read, Write};
use thiserror::Error;
pub(crate) use workers::run;

/// Changes whenever the same files give another tar. It is part of what an unchanged source is recognized by, so that
/// a new version packs everything anew.
pub const PACKER_VERSION: u32 = 1;

/// Writes an archive.
pub struct Packer<W> {
    gzip: Gzip<W>,
    last: Option<EntryPath>,
    files: u64,
}

/// Whether a file is a program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// 0644.
    #[default]
    Plain,
    /// 0755.
    Executable,
}

impl Mode {
    /// By the mode of a file elsewhere: what its owner may run is a program.
    pub fn of(mode: u32) -> Self {
        if mode & 0o100 != 0 { Self::Executable } else { Self::Plain }
    }
}

/// A finished archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packed {
    /// The digest of the tar before compression. Unlike that of the archive it stays the same when deflate improves.
    pub tar_digest: TarDigest,
    /// The size of the tar before compression.
    pub tar_size: u64,
    /// How many files it holds.
    pub files: u64,
}

/// Why an archive was not finished.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PackError {
    /// The contents of a file cannot be read; the source's own error is inside.
    #[error("the data to pack cannot be read")]
    Read(#[source] io::Error),

    /// The archive cannot be written; the target's own error is inside.
    #[error("the archive cannot be written")]
    Write(#[source] io::Error),

    /// The contents ended before the announced size.
    #[error("the data to pack ended after {found} of {announced} bytes")]
    Short {
        /// The size that was announced.
        announced: u64,
        /// The bytes that came.
        found: u64,
    },

    /// The contents went on beyond the announced size.
    #[error("the data to pack is longer than the announced {announced} bytes")]
    Long {
        /// The size that was announced.
        announced: u64,
    },

    /// Files were not given in their order, or one as the folder of another.
    #[error("{path} cannot be packed after {last}")]
    Order {
        /// The file.
        path: EntryPath,
        /// The one before it.
        last: EntryPath,
    },

    /// A path that was fine by itself is not where it is to be packed.
    #[error("{path} cannot be packed into its destination")]
    Path {
        /// The path.
        path: EntryPath,
        /// What is wrong with it.
        source: InvalidPath,
    },

    /// A thread of the packer panicked.
    #[error("compressing the archive failed unexpectedly")]
    WorkerDied,
}

impl PackError {
    /// The reason of the condition that reports it.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Read(_) | Self::Short { .. } | Self::Long { .. } => reasons::TRUNCATED,
            Self::Write(_) => reasons::STORAGE_OPERATION_FAILED,
            Self::Path { .. } => reasons::UNSAFE_ARCHIVE,
            Self::Order { .. } | Self::WorkerDied => reasons::INTERNAL_ERROR,
        }
    }
}

impl<W: Write> Packer<W> {
    /// An archive without files, which goes to `out`.
    pub fn new(out: W) -> Self {
        Self { gzip: Gzip::new(out), last: None, files: 0 }
    }

    /// Appends a file of `size` bytes, and the folders that it is the first in. Files come in the order of their paths.
    ///
    /// # Errors
    /// After any error the archive is of no use.
    pub fn file(
        &mut self,
        path: &EntryPath,
        mode: Mode,
        size: u64,
        mut contents: impl Read,
    ) -> Result<(), PackError> {
        self.folders(path)?;
        self.append(&header::file(path, mode, size))?;
        let mut found = 0;
        while found < size {
            match self.gzip.fill(&mut contents, size - found)? {
                0 => return Err(PackError::Short { announced: size, found }),
                came => found += came,
            }
        }
        if has_more(&mut contents)? {
            return Err(PackError::Long { announced: size });
        }
        self.pad(size)?;
        self.files += 1;
        Ok(())
    }

    /// Ends the archive.
    ///
    /// # Errors
    /// The rest cannot be written.
    pub fn finish(mut self) -> Result<(Packed, W), PackError> {
        const END: [u8; 2 * header::BLOCK as usize] = [0; _];
        self.append(&END)?;
        let tar_size = self.gzip.length();
        let (tar_digest, out) = self.gzip.finish()?;
        Ok((Packed { tar_digest, tar_size, files: self.files }, out))
    }

    /// The folders of `path` that the file before it was not in.
    fn folders(&mut self, path: &EntryPath) -> Result<(), PackError> {
        let last = self.last.replace(path.clone());
        let known: Vec<&str> = last.iter().flat_map(EntryPath::folders).collect();
        if let Some(last) = &last
            && (path <= last || path.folders().any(|folder| folder == last.as_str()))
        {
            return Err(PackError::Order { path: path.clone(), last: last.clone() });
        }
        path.folders()
            .rev()
            .filter(|folder| !known.contains(folder))
            .try_for_each(|folder| self.append(&header::folder(folder)))
    }

    fn pad(&mut self, size: u64) -> Result<(), PackError> {
        const ZEROS: [u8; header::BLOCK as usize] = [0; _];
        let padding = size.next_multiple_of(header::BLOCK) - size;
        self.append(&ZEROS[..padding as usize])
    }

    fn append(&mut self, mut bytes: &[u8]) -> Result<(), PackError> {
        while !bytes.is_empty() {
            self.gzip.fill(&mut bytes, u64::MAX)?;
        }
        Ok(())
    }
}

fn has_more(contents: &mut impl Read) -> Result<bool, PackError> {
    let mut contents = contents.take(1);
    io::copy(&mut contents, &mut io::sink()).map(|more| more > 0).map_err(PackError::Read)
}

#[cfg(test)]
mod tests;
