//! The entries of a tar, one after the other, with the name and the place of each.
use super::{
    HEAD, UnpackError,
    index::{Index, Kind, Span, shown},
    is_end, is_header,
    pax::Records,
    spool::Spool,
};
use crate::pack::Mode;
use std::io::Read;
use tar::{EntryType, Header};

/// Names longer than this are refused anyway; so much of a header is enough to see that, and bounds memory.
const LONGEST_NAME: u64 = 64 * 1024;

const BLOCK: u64 = HEAD as u64;

pub(super) const NO_FILE_HAS_DATA: &str = "an entry that is no file has data";
pub(super) const TWO_SIZES: &str = "an entry has two sizes";

/// Checks every entry.
pub(super) fn index(spool: &Spool) -> Result<Index, UnpackError> {
    let mut index = Index::default();
    let mut entries = Entries { spool, offset: 0 };
    while let Some(entry) = entries.next()? {
        index.take(&entry.name, kind(&entry)?)?;
    }
    index.whole()
}

/// Walks through the headers.
struct Entries<'a> {
    spool: &'a Spool,
    offset: u64,
}

/// One entry, as the archive has it: nothing is checked but that its data is there.
struct Entry {
    name: Vec<u8>,
    kind: EntryType,
    mode: Mode,
    offset: u64,
    length: u64,
}

impl Entries<'_> {
    /// The next entry; `None` at the end, which must be marked as one: a tar that was cut between two entries would
    /// otherwise look whole, and what it lacks would be deleted from the cluster.
    fn next(&mut self) -> Result<Option<Entry>, UnpackError> {
        let mut long_name = None;
        let mut records = Records::default();
        loop {
            let Some(header) = self.header()? else {
                return Ok(None);
            };
            let length = header.entry_size().map_err(|_| UnpackError::Damaged("an entry has no size"))?;
            let offset = self.skip(length)?;
            match header.entry_type() {
                EntryType::GNULongName => long_name = Some(self.name_at(offset, length)?),
                EntryType::GNULongLink => drop(self.name_at(offset, length)?),
                EntryType::XHeader => records = Records::parse(&self.text(offset, length)?)?,
                EntryType::XGlobalHeader => self.check_global(offset, length)?,
                kind => {
                    if records.size.is_some_and(|size| size != length) {
                        return Err(UnpackError::Damaged(TWO_SIZES));
                    }
                    let name = records.path.or(long_name).unwrap_or_else(|| header.path_bytes().into_owned());
                    return Ok(Some(Entry { name, kind, mode: mode(&header), offset, length }));
                }
            }
        }
    }

    fn header(&mut self) -> Result<Option<Header>, UnpackError> {
        let offset = self.skip(0)?;
        let end =
            offset.checked_add(BLOCK).filter(|end| *end <= self.spool.length).ok_or(UnpackError::CutOff)?;
        let block = self.spool.block(offset)?;
        if is_end(&block) {
            return Ok(None);
        }
        if !is_header(&block) {
            return Err(UnpackError::Damaged("the sum of a header is wrong"));
        }
        self.offset = end;
        Ok(Some(Header::from_byte_slice(&block).clone()))
    }

    /// Moves beyond the data of an entry; gives where it begins.
    fn skip(&mut self, length: u64) -> Result<u64, UnpackError> {
        let offset = self.offset;
        let end = length.checked_next_multiple_of(BLOCK).and_then(|length| offset.checked_add(length));
        self.offset = end.filter(|end| *end <= self.spool.length).ok_or(UnpackError::CutOff)?;
        Ok(offset)
    }

    /// Records for all entries that follow may comment (as git does), but not rename.
    fn check_global(&self, offset: u64, length: u64) -> Result<(), UnpackError> {
        match Records::parse(&self.text(offset, length)?)? == Records::default() {
            true => Ok(()),
            false => Err(UnpackError::Damaged("a global header names all entries")),
        }
    }

    fn name_at(&self, offset: u64, length: u64) -> Result<Vec<u8>, UnpackError> {
        let mut name = self.text(offset, length)?;
        let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
        name.truncate(end);
        Ok(name)
    }

    fn text(&self, offset: u64, length: u64) -> Result<Vec<u8>, UnpackError> {
        if length > LONGEST_NAME {
            return Err(UnpackError::Damaged("a name or a header is too long"));
        }
        let mut text = Vec::new();
        self.spool.read(offset, length).read_to_end(&mut text).map_err(UnpackError::NotSpooled)?;
        Ok(text)
    }
}

fn mode(header: &Header) -> Mode {
    header.mode().map_or(Mode::Plain, Mode::of)
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
        Kind::Folder | Kind::Link if length > 0 => Err(UnpackError::Damaged(NO_FILE_HAS_DATA)),
        kind => Ok(kind),
    }
}
