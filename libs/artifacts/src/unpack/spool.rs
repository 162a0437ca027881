//! The decompressed archive: a small one in memory, the rest in a file that has no name, so that nobody else can open it, and a
//! crash leaves nothing behind.
use super::{HEAD, UnpackError};
use crate::SMALL;
use flate2::bufread::MultiGzDecoder;
use std::{
    fs::File,
    io::{self, BufReader, Read, Write},
    os::unix::fs::FileExt,
};

/// How much is read and written at a time.
pub(super) const CHUNK: usize = 128 * 1024;

/// Data that means something does not shrink further; tested only beyond [`FREE`] bytes, where it begins to cost.
const RATIO: u64 = 250;
const FREE: u64 = 32 * 1024 * 1024;

/// A kept archive.
#[derive(Debug)]
pub(super) struct Spool {
    kept: Kept,
    pub(super) length: u64,
}

#[derive(Debug)]
enum Kept {
    Memory(Vec<u8>),
    File(File),
}

/// A range of a spool, read from its start to its end.
pub(super) struct Range<'a> {
    kept: &'a Kept,
    offset: u64,
    left: u64,
}

impl Spool {
    /// Keeps `body` as it is.
    pub(super) fn plain(body: impl Read, limit: u64) -> Result<Self, UnpackError> {
        let mut body = Watched::new(body);
        let mut spool = Self::empty();
        let mut buffer = vec![0; CHUNK];
        loop {
            match body.read(&mut buffer) {
                Ok(0) => return Ok(spool),
                Ok(read) => spool.append(&buffer[..read], limit)?,
                Err(_) => return Err(body.failure()),
            }
        }
    }

    /// Keeps what `body` decompresses to: all of its members, each with the sum that it carries.
    pub(super) fn gzip(body: impl Read, limit: u64) -> Result<Self, UnpackError> {
        let mut members = MultiGzDecoder::new(BufReader::with_capacity(CHUNK, Watched::new(body)));
        let mut spool = Self::empty();
        let mut buffer = vec![0; CHUNK];
        loop {
            let read = match members.read(&mut buffer) {
                Ok(0) => return Ok(spool),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(members.get_mut().get_mut().failure_or(&error)),
            };
            spool.append(&buffer[..read], limit)?;
            spool.means_something(members.get_ref().get_ref().count)?;
        }
    }

    /// The first block; `None` if there is less.
    pub(super) fn head(&self) -> Result<Option<[u8; HEAD]>, UnpackError> {
        (self.length >= HEAD as u64).then(|| self.block(0)).transpose()
    }

    /// The block at `offset`, which must be there.
    pub(super) fn block(&self, offset: u64) -> Result<[u8; HEAD], UnpackError> {
        let mut block = [0; HEAD];
        self.fill(&mut block, offset)?;
        Ok(block)
    }

    /// A range of it.
    pub(super) fn read(&self, offset: u64, length: u64) -> Range<'_> {
        Range { kept: &self.kept, offset, left: length }
    }

    /// The bytes at `offset`, which must be there.
    pub(super) fn fill(&self, bytes: &mut [u8], offset: u64) -> Result<(), UnpackError> {
        self.read(offset, bytes.len() as u64).read_exact(bytes).map_err(UnpackError::NotSpooled)
    }

    /// Nothing so far.
    pub(super) fn empty() -> Self {
        Self { kept: Kept::Memory(Vec::new()), length: 0 }
    }

    /// Keeps more, if all of it is `limit` bytes at most.
    pub(super) fn append(&mut self, bytes: &[u8], limit: u64) -> Result<(), UnpackError> {
        self.length += bytes.len() as u64;
        if self.length > limit {
            return Err(UnpackError::TooLarge { limit });
        }
        self.kept.append(bytes).map_err(UnpackError::NotSpooled)
    }

    /// Whether so many compressed bytes may have made so much.
    pub(super) fn means_something(&self, compressed: u64) -> Result<(), UnpackError> {
        match self.length > FREE && self.length / RATIO > compressed {
            true => Err(UnpackError::Bomb { ratio: RATIO }),
            false => Ok(()),
        }
    }
}

impl Kept {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Memory(small) if small.len() + bytes.len() <= SMALL => small.extend_from_slice(bytes),
            Self::Memory(small) => {
                let mut file = tempfile::tempfile()?;
                file.write_all(small)?;
                file.write_all(bytes)?;
                *self = Self::File(file);
            }
            Self::File(file) => file.write_all(bytes)?,
        }
        Ok(())
    }

    fn read_at(&self, to: &mut [u8], offset: u64) -> io::Result<usize> {
        match self {
            Self::Memory(small) => {
                let begun = usize::try_from(offset).ok().and_then(|offset| small.get(offset..));
                begun.unwrap_or_default().read(to)
            }
            Self::File(file) => file.read_at(to, offset),
        }
    }
}

impl Read for Range<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.kept.read_at(&mut buffer[..most], self.offset)?;
        self.offset += read as u64;
        self.left -= read as u64;
        Ok(read)
    }
}

/// Counts what is read, and tells the errors of the body from those of its format.
struct Watched<R> {
    body: R,
    count: u64,
    failure: Option<io::Error>,
}

impl<R: Read> Watched<R> {
    fn new(body: R) -> Self {
        Self { body, count: 0, failure: None }
    }

    fn failure(&mut self) -> UnpackError {
        let lost = || io::Error::other("the error was reported before");
        UnpackError::Read(self.failure.take().unwrap_or_else(lost))
    }

    fn failure_or(&mut self, error: &io::Error) -> UnpackError {
        match error.kind() {
            _ if self.failure.is_some() => self.failure(),
            io::ErrorKind::UnexpectedEof => UnpackError::CutOff,
            _ => UnpackError::Damaged("its compressed data is not valid"),
        }
    }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.body.read(buffer) {
                Ok(read) => {
                    self.count += read as u64;
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let kind = error.kind();
                    self.failure = Some(error);
                    return Err(kind.into());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_for_memory_goes_on_in_a_file() {
        let mut spool = Spool::empty();
        let pieces = [vec![b'a'; SMALL], vec![b'b'; 1000], vec![b'c'; CHUNK]];
        for (piece, in_memory) in pieces.iter().zip([true, false, false]) {
            spool.append(piece, u64::MAX).unwrap();
            assert_eq!(matches!(spool.kept, Kept::Memory(_)), in_memory);
        }
        let mut read = Vec::new();
        spool.read(0, spool.length).read_to_end(&mut read).unwrap();
        assert!(read == pieces.concat());
    }

    #[test]
    fn a_range_is_read_the_same_from_memory_and_from_a_file() {
        let [mut small, mut large] = [Spool::empty(), Spool::empty()];
        small.append(b"0123456789", u64::MAX).unwrap();
        large.append(b"0123456789", u64::MAX).unwrap();
        large.append(&vec![0; SMALL], u64::MAX).unwrap();
        for spool in [&small, &large] {
            let mut bytes = [0; 4];
            spool.fill(&mut bytes, 3).unwrap();
            assert_eq!(&bytes, b"3456");
            let beyond = spool.length - 2;
            assert!(
                matches!(spool.fill(&mut bytes, beyond), Err(UnpackError::NotSpooled(_))),
                "two are left"
            );
        }
    }
}
