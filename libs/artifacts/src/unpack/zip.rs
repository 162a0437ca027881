//! The files of a zip, as its directory has them (APPNOTE.TXT of PKWARE, 6.3.10).
//!
//! A zip says everything twice: before the data of an entry, and in the directory at its end. Readers that believe one and
//! checkers that believe the other have been made to disagree; here both must say the same. Entries must not overlap either, or
//! a few kilobytes could stand for as many gigabytes as they have names.
mod directory;

use super::{
    UnpackError,
    entry::{NO_FILE_HAS_DATA, TWO_SIZES},
    index::{Index, Kind, Span, shown},
    spool::{CHUNK, Spool},
};
use crate::pack::Mode;
use directory::{Method, Record};
use flate2::{Crc, bufread::DeflateDecoder};
use std::io::{self, BufReader, Read};

/// How a zip without any entry begins, and ends.
pub(super) const EMPTY: &[u8] = b"PK\x05\x06";

const INVALID: UnpackError = UnpackError::Damaged("its compressed data is not valid");

/// Inflates every file into a spool of its own, and checks every entry. `limit` bounds what they are together, in bytes.
pub(super) fn unpack(archive: &Spool, limit: u64) -> Result<(Spool, Index), UnpackError> {
    let (mut index, mut files) =
        (Index::default(), Files { archive, inflated: Spool::empty(), packed: 0, limit });
    let mut records = directory::read(archive)?;
    records.sort_by_key(|record| record.offset);
    let mut end = 0;
    for record in &records {
        let data = record.data(archive, end)?;
        end = data + record.packed;
        let kind = match record.type_of() {
            TypeOf::Special(kind) => return Err(UnpackError::Special { name: shown(&record.name), kind }),
            TypeOf::Folder if record.length > 0 => return Err(UnpackError::Damaged(NO_FILE_HAS_DATA)),
            TypeOf::Folder => Kind::Folder,
            TypeOf::Link => Kind::Link,
            TypeOf::File(mode) => Kind::File(files.inflate(record, data, mode)?),
        };
        index.take(&record.name, kind)?;
    }
    Ok((files.inflated, index.whole()?))
}

/// What an entry is.
enum TypeOf {
    File(Mode),
    Folder,
    Link,
    Special(&'static str),
}

impl Record {
    /// What the mode of a Unix says, and without one the name.
    fn type_of(&self) -> TypeOf {
        let mode = self.mode.unwrap_or_default();
        match mode & 0o170_000 {
            0o120_000 => TypeOf::Link,
            0o040_000 => TypeOf::Folder,
            0 | 0o100_000 if self.name.ends_with(b"/") => TypeOf::Folder,
            0 | 0o100_000 => TypeOf::File(Mode::of(mode)),
            // What `zip` has read from one: it has the mode of a pipe, and is a file.
            0o010_000 if self.length > 0 => TypeOf::File(Mode::of(mode)),
            0o010_000 => TypeOf::Special("a pipe"),
            0o020_000 | 0o060_000 => TypeOf::Special("a device"),
            _ => TypeOf::Special("of an unknown kind"),
        }
    }
}

/// What has been inflated so far.
struct Files<'a> {
    archive: &'a Spool,
    inflated: Spool,
    /// From so many bytes.
    packed: u64,
    limit: u64,
}

impl Files<'_> {
    fn inflate(&mut self, record: &Record, data: u64, mode: Mode) -> Result<Span, UnpackError> {
        let packed = BufReader::with_capacity(CHUNK, self.archive.read(data, record.packed));
        let span = Span { offset: self.inflated.length, length: record.length, mode };
        self.packed += record.packed;
        match record.method {
            Method::Stored => self.keep(record, packed)?,
            Method::Deflated => {
                let mut inflating = DeflateDecoder::new(packed);
                self.keep(record, &mut inflating)?;
                if inflating.total_in() != record.packed {
                    return Err(UnpackError::Damaged(TWO_SIZES));
                }
            }
            Method::Other(kind) => return Err(UnpackError::Special { name: shown(&record.name), kind }),
        }
        Ok(span)
    }

    /// Reads one file, which is as long as announced and has the announced sum.
    fn keep(&mut self, record: &Record, mut file: impl Read) -> Result<(), UnpackError> {
        let (mut sum, mut buffer) = (Crc::new(), vec![0; CHUNK]);
        let mut left = record.length;
        loop {
            let read = match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return Err(INVALID),
            };
            left = left.checked_sub(read as u64).ok_or(UnpackError::Damaged(TWO_SIZES))?;
            sum.update(&buffer[..read]);
            self.inflated.append(&buffer[..read], self.limit)?;
            self.inflated.means_something(self.packed)?;
        }
        match left == 0 && sum.sum() == record.sum {
            true => Ok(()),
            false => Err(UnpackError::Damaged("an entry is not what its size and its sum say")),
        }
    }
}
