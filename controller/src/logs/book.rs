//! The lines themselves: at most 4 KiB a source and 512 KiB in all, counted as what they take and not as what they say. Of a source
//! the oldest lines go first, and of all sources those of the one that has been silent for longest. Pure.
use artifacts::SourceKey;
use jiff::Timestamp;
use std::{
    collections::BTreeMap,
    fmt::{self, Write},
    sync::Arc,
};

/// The most that is kept of a source, in bytes.
const PAGE: usize = 4 << 10;

/// The most that is kept of all, in bytes.
const ALL: usize = 512 << 10;

/// So much is free after room was made.
const ROOM: usize = ALL / 16;

/// What a source takes beside its lines, names apart: its place in the map, and what is lost between pages that grow, as measured.
const ENTRY: usize = 384;

/// Pages grow by this much.
const STEP: usize = 256;

/// The longest text of a line, in bytes.
const LONGEST: usize = 512;

/// Time and length before each text.
const HEAD: usize = 10;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) time: Timestamp,
    pub(super) text: Arc<str>,
}

/// All lines.
#[derive(Debug, Default)]
pub(super) struct Book {
    pages: BTreeMap<SourceKey, Page>,
    /// What all of them take.
    size: usize,
    /// How many lines were ever written.
    count: u64,
}

/// The lines of a source: microseconds, length and text of each, one after the other.
#[derive(Debug, Default)]
struct Page {
    bytes: Vec<u8>,
    /// Which line of all was the last one.
    last: u64,
}

impl Line {
    /// What it says, on one line, and no more of it than a line may have.
    pub(super) fn new(time: Timestamp, text: impl fmt::Display) -> Self {
        let mut short = Short(String::new());
        // An error only says that it was too long.
        let _ = write!(short, "{text}");
        Self { time, text: short.0.into() }
    }

    /// As people see it.
    pub(super) fn shown(&self, timestamps: bool) -> impl fmt::Display + '_ {
        fmt::from_fn(move |f| {
            if timestamps {
                write!(f, "{:.6} ", self.time)?;
            }
            writeln!(f, "{}", self.text)
        })
    }
}

/// Takes so much of a text as fits into a line.
struct Short(String);

impl Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            if self.0.len() + c.len_utf8() > LONGEST - '…'.len_utf8() {
                self.0.push('…');
                return Err(fmt::Error);
            }
            self.0.push(if c.is_control() { ' ' } else { c });
        }
        Ok(())
    }
}

impl Book {
    /// Adds a line, and drops what then is too much.
    pub(super) fn write(&mut self, source: &SourceKey, line: &Line) {
        self.count += 1;
        if !self.pages.contains_key(source) {
            self.size += entry(source);
            self.pages.insert(source.clone(), Page::default());
        }
        let page = self.pages.get_mut(source).expect("it is there, or was just put there");
        self.size -= page.bytes.capacity();
        page.add(line);
        page.last = self.count;
        self.size += page.bytes.capacity();
        if self.size > ALL {
            self.make_room();
        }
    }

    /// Forgets those that have been silent for longest: somewhat more than must go, since to find them takes a look at all.
    fn make_room(&mut self) {
        let mut pages: Vec<_> = self
            .pages
            .iter()
            .map(|(source, page)| (page.last, entry(source) + page.bytes.capacity()))
            .collect();
        pages.sort_unstable();
        let mut silent = 0;
        for (last, size) in pages {
            if self.size <= ALL - ROOM {
                break;
            }
            silent = last;
            self.size -= size;
        }
        self.pages.retain(|_, page| page.last > silent);
    }

    /// The lines of a source, the oldest first.
    pub(super) fn lines(&self, source: &SourceKey) -> Vec<Line> {
        self.pages.get(source).map(|page| page.lines().collect()).unwrap_or_default()
    }

    /// Drops the lines of a source.
    pub(super) fn forget(&mut self, source: &SourceKey) {
        if let Some(page) = self.pages.remove(source) {
            self.size -= entry(source) + page.bytes.capacity();
        }
    }
}

/// What a source takes beside its lines.
fn entry(source: &SourceKey) -> usize {
    ENTRY + source.namespace.len() + source.name.len()
}

impl Page {
    fn add(&mut self, line: &Line) {
        let needed = HEAD + line.text.len();
        let mut dropped = 0;
        while self.bytes.len() - dropped + needed > PAGE {
            dropped += HEAD + length(&self.bytes[dropped..]);
        }
        self.bytes.drain(..dropped);
        let wanted = (self.bytes.len() + needed).next_multiple_of(STEP);
        self.bytes.reserve_exact(wanted.saturating_sub(self.bytes.len()));
        self.bytes.extend_from_slice(&line.time.as_microsecond().to_le_bytes());
        let length = u16::try_from(line.text.len()).expect("a line is at most 512 bytes");
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(line.text.as_bytes());
    }

    fn lines(&self) -> impl Iterator<Item = Line> + '_ {
        let mut rest = &self.bytes[..];
        std::iter::from_fn(move || {
            let (time, _) = rest.split_first_chunk()?;
            let time = Timestamp::from_microsecond(i64::from_le_bytes(*time)).expect("it was a time before");
            let (line, others) = rest.split_at(HEAD + length(rest));
            rest = others;
            let text = std::str::from_utf8(&line[HEAD..]).expect("it was a text before");
            Some(Line { time, text: text.into() })
        })
    }
}

/// The length of the text of the line that begins here.
fn length(bytes: &[u8]) -> usize {
    usize::from(u16::from_le_bytes([bytes[HEAD - 2], bytes[HEAD - 1]]))
}

#[cfg(test)]
mod tests;
