//! The directory at the end of a zip: where it is, and what it says of each entry.
use super::super::{
    UnpackError,
    entry::TWO_SIZES,
    index::{MOST_ENTRIES, MOST_NAME_BYTES, TOO_LONG, TOO_MANY},
    spool::{CHUNK, Spool},
};
use std::io::{self, BufReader, Read};

const END: u32 = 0x0605_4b50;
const END_LENGTH: u64 = 22;
const END64: u32 = 0x0606_4b50;
const END64_LENGTH: u64 = 56;
const LOCATOR: u32 = 0x0706_4b50;
const LOCATOR_LENGTH: u64 = 20;
const ENTRY: u32 = 0x0201_4b50;
const LOCAL: u32 = 0x0403_4b50;
const LOCAL_LENGTH: u64 = 30;

/// The longest comment behind the end record.
const LONGEST_COMMENT: u64 = u16::MAX as u64;

/// What stands where a value is too large for its field, and the real one is in the extra field of that number.
const SEE_EXTRA: u32 = u32::MAX;
const EXTRA64: u16 = 1;

const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
/// Sizes and sum follow the data, and are zero before it.
const STREAMED: u16 = 1 << 3;

const CUT_OFF: UnpackError = UnpackError::Damaged("an entry of its directory is cut off");
const MISPLACED: UnpackError = UnpackError::Damaged("its directory is not where its end says");

/// What the directory says of an entry.
pub(super) struct Record {
    pub(super) name: Vec<u8>,
    pub(super) method: Method,
    pub(super) sum: u32,
    /// Its size in the archive, in bytes.
    pub(super) packed: u64,
    /// Its size unpacked, in bytes.
    pub(super) length: u64,
    /// As `st_mode` has it, from a system that has modes.
    pub(super) mode: Option<u32>,
    /// Where it begins, with a header of its own.
    pub(super) offset: u64,
    flags: u16,
}

/// How an entry is compressed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Stored,
    Deflated,
    /// In no way that we read, and which.
    Other(&'static str),
}

/// All entries, in the order of the directory.
pub(super) fn read(archive: &Spool) -> Result<Vec<Record>, UnpackError> {
    let Place { offset, length, entries } = place(archive)?;
    if entries > MOST_ENTRIES {
        return Err(UnpackError::TooManyEntries(TOO_MANY));
    }
    let mut directory = Fields(BufReader::with_capacity(CHUNK, archive.read(offset, length)).take(length));
    let (mut records, mut names) = (Vec::new(), 0);
    for _ in 0..entries {
        let record = record(&mut directory).map_err(|error| cut_off(error, CUT_OFF))?;
        let record = record.ok_or(CUT_OFF)?;
        names += record.name.len();
        if names > MOST_NAME_BYTES {
            return Err(UnpackError::TooManyEntries(TOO_LONG));
        }
        records.push(record);
    }
    if directory.0.limit() > 0 {
        Err(UnpackError::Damaged("its directory holds more than its end says"))
    } else {
        Ok(records)
    }
}

/// Where the directory is.
struct Place {
    offset: u64,
    length: u64,
    entries: u64,
}

/// By the record at the very end. The directory ends where that begins: nothing is hidden between them, or before.
fn place(archive: &Spool) -> Result<Place, UnpackError> {
    let end = end(archive)?;
    let mut fields = Fields(archive.read(end, END_LENGTH));
    let read = (|| {
        fields.u32()?;
        let disks = [fields.u16()?, fields.u16()?];
        let here = fields.u16()?;
        let place = (u64::from(fields.u16()?), u64::from(fields.u32()?), u64::from(fields.u32()?));
        io::Result::Ok((disks, here, place))
    })();
    let (disks, here, (entries, length, offset)) = read.map_err(UnpackError::NotSpooled)?;
    let (place, begins) = match end64(archive, end)? {
        Some(found) => found,
        None if disks != [0, 0] || u64::from(here) != entries => return Err(PARTS),
        None => (Place { offset, length, entries }, end),
    };
    match place.offset.checked_add(place.length) == Some(begins) {
        true => Ok(place),
        false => Err(MISPLACED),
    }
}

const PARTS: UnpackError = UnpackError::Damaged("it is one part of several");

/// Where the end record begins: its comment reaches to the last byte.
fn end(archive: &Spool) -> Result<u64, UnpackError> {
    let start = archive.length.saturating_sub(END_LENGTH + LONGEST_COMMENT);
    let mut tail = vec![0; (archive.length - start) as usize];
    archive.fill(&mut tail, start)?;
    let is_end = |at: &usize| {
        let record = &tail[*at..];
        let comment = usize::from(u16::from_le_bytes([record[20], record[21]]));
        record.starts_with(&END.to_le_bytes()) && record.len() == END_LENGTH as usize + comment
    };
    let last = tail.len().checked_sub(END_LENGTH as usize).ok_or(UnpackError::CutOff)?;
    (0..=last).rev().find(is_end).map(|at| start + at as u64).ok_or(UnpackError::CutOff)
}

/// The larger end record, if there is one, and where it begins.
fn end64(archive: &Spool, end: u64) -> Result<Option<(Place, u64)>, UnpackError> {
    let Some(locator) = end.checked_sub(LOCATOR_LENGTH) else { return Ok(None) };
    let mut fields = Fields(archive.read(locator, LOCATOR_LENGTH));
    let read = (|| {
        let is_one = fields.u32()? == LOCATOR;
        fields.u32()?;
        io::Result::Ok(is_one.then_some(fields.u64()?))
    })();
    let Some(begins) = read.map_err(UnpackError::NotSpooled)? else { return Ok(None) };
    if begins.checked_add(END64_LENGTH).is_none_or(|end| end > locator) {
        return Err(MISPLACED);
    }
    let mut fields = Fields(archive.read(begins, END64_LENGTH));
    let read = (|| {
        let (signature, size) = (fields.u32()?, fields.u64()?);
        fields.u32()?;
        let disks = [fields.u32()?, fields.u32()?];
        let (here, entries) = (fields.u64()?, fields.u64()?);
        let place = Place { entries, length: fields.u64()?, offset: fields.u64()? };
        io::Result::Ok((
            signature == END64 && begins.checked_add(size) == Some(locator - 12),
            disks,
            here,
            place,
        ))
    })();
    let (is_whole, disks, here, place) = read.map_err(UnpackError::NotSpooled)?;
    match is_whole {
        false => Err(MISPLACED),
        true if disks != [0, 0] || here != place.entries => Err(PARTS),
        true => Ok(Some((place, begins))),
    }
}

/// The next entry; `None` if something else stands there.
fn record(directory: &mut Fields<impl Read>) -> io::Result<Option<Record>> {
    if directory.u32()? != ENTRY {
        return Ok(None);
    }
    let made_by = directory.u16()? >> 8;
    directory.u16()?;
    let (flags, method) = (directory.u16()?, directory.u16()?);
    directory.u32()?;
    let (sum, packed, length) = (directory.u32()?, directory.u32()?, directory.u32()?);
    let [name, extra, comment] = [directory.u16()?, directory.u16()?, directory.u16()?];
    directory.u32()?;
    let (attributes, offset) = (directory.u32()?, directory.u32()?);
    let name = directory.bytes(name)?;
    let extra = directory.bytes(extra)?;
    directory.bytes(comment)?;
    let Some([length, packed, offset]) = large([length, packed, offset], &extra) else { return Ok(None) };
    // 3 is a Unix, 19 is macOS.
    let mode = matches!(made_by, 3 | 19).then_some(attributes >> 16);
    let method = Method::of(flags, method);
    Ok(Some(Record { name, method, sum, packed, length, mode, offset, flags }))
}

/// The values themselves, those that are too large for their fields from the extra field.
fn large(values: [u32; 3], extra: &[u8]) -> Option<[u64; 3]> {
    let mut extra = Fields(extra);
    let mut found = Vec::new();
    while let Ok(number) = extra.u16() {
        let length = extra.u16().ok()?;
        let bytes = extra.bytes(length).ok()?;
        if number == EXTRA64 {
            found = bytes;
        }
    }
    let mut found = Fields(found.as_slice());
    let mut value = |value: u32| if value == SEE_EXTRA { found.u64().ok() } else { Some(value.into()) };
    Some([value(values[0])?, value(values[1])?, value(values[2])?])
}

impl Method {
    fn of(flags: u16, method: u16) -> Self {
        match method {
            _ if flags & ENCRYPTED != 0 => Self::Other("encrypted"),
            0 => Self::Stored,
            8 => Self::Deflated,
            _ => Self::Other("compressed in another way than by deflate"),
        }
    }
}

impl Record {
    /// Where its data begins. It must lie behind `end`, where the entry before it ends, and the header before it must say what the
    /// directory does.
    pub(super) fn data(&self, archive: &Spool, end: u64) -> Result<u64, UnpackError> {
        if self.offset < end {
            return Err(UnpackError::Damaged("two of its entries overlap"));
        }
        let mut fields = Fields(archive.read(self.offset, archive.length));
        let (local, names) = local(&mut fields).map_err(|error| cut_off(error, UnpackError::CutOff))?;
        let is_known = |said: u32, known: u64| {
            said == SEE_EXTRA || u64::from(said) == known || (self.flags & STREAMED != 0 && said == 0)
        };
        let [sum, packed, length] = local.sizes;
        if local.signature != LOCAL || local.flags != self.flags || local.name != self.name {
            return Err(UnpackError::Damaged("an entry is another than its directory says"));
        }
        if Method::of(local.flags, local.method) != self.method || !is_known(sum, self.sum.into()) {
            return Err(UnpackError::Damaged("an entry is another than its directory says"));
        }
        if !is_known(packed, self.packed) || !is_known(length, self.length) {
            return Err(UnpackError::Damaged(TWO_SIZES));
        }
        let data = self.offset + LOCAL_LENGTH + names;
        let end = data.checked_add(self.packed).filter(|end| *end <= archive.length);
        end.map(|_| data).ok_or(UnpackError::CutOff)
    }
}

/// What stands before the data of an entry.
struct Local {
    signature: u32,
    flags: u16,
    method: u16,
    sizes: [u32; 3],
    name: Vec<u8>,
}

/// That, and how long it is beyond what each has.
fn local(fields: &mut Fields<impl Read>) -> io::Result<(Local, u64)> {
    let signature = fields.u32()?;
    fields.u16()?;
    let (flags, method) = (fields.u16()?, fields.u16()?);
    fields.u32()?;
    let sizes = [fields.u32()?, fields.u32()?, fields.u32()?];
    let (name, extra) = (fields.u16()?, fields.u16()?);
    let length = u64::from(name) + u64::from(extra);
    Ok((Local { signature, flags, method, sizes, name: fields.bytes(name)? }, length))
}

/// An error of the temporary file, or the end of what is read.
fn cut_off(error: io::Error, otherwise: UnpackError) -> UnpackError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => otherwise,
        _ => UnpackError::NotSpooled(error),
    }
}

/// Reads numbers, the lowest byte first.
struct Fields<R>(R);

impl<R: Read> Fields<R> {
    fn array<const LENGTH: usize>(&mut self) -> io::Result<[u8; LENGTH]> {
        let mut bytes = [0; LENGTH];
        self.0.read_exact(&mut bytes).map(|()| bytes)
    }

    fn u16(&mut self) -> io::Result<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> io::Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> io::Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn bytes(&mut self, length: u16) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length.into()];
        self.0.read_exact(&mut bytes).map(|()| bytes)
    }
}
