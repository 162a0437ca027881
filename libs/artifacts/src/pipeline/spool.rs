//! Keeps a body aside until its length is known: a tar header comes before the data that it measures.
//!
//! Small bodies wait in memory, larger ones in a file that has no name (nobody else can open it, and a crash leaves
//! nothing behind). Bodies that announce their length never come here.
use std::io::{self, BufWriter, Cursor, Read, Seek, Write};

/// With as many passes at once as are usual, this stays within a few MiB.
const IN_MEMORY: u64 = 512 * 1024;

/// One write to the file; the default of the standard library would make thirty of it.
const BUFFER: usize = 256 * 1024;

/// A body whose length is known.
pub(super) struct Spooled {
    pub(super) length: u64,
    pub(super) bytes: Box<dyn Read>,
}

/// Reads `source` to its end. How long it may be is not decided here.
pub(super) fn spool(mut source: impl Read) -> io::Result<Spooled> {
    let mut memory = Vec::new();
    source.by_ref().take(IN_MEMORY + 1).read_to_end(&mut memory)?;
    let length = memory.len() as u64;
    if length <= IN_MEMORY {
        return Ok(Spooled { length, bytes: Box::new(Cursor::new(memory)) });
    }
    let mut file = BufWriter::with_capacity(BUFFER, tempfile::tempfile()?);
    file.write_all(&memory)?;
    drop(memory);
    let length = length + io::copy(&mut source, &mut file)?;
    let mut file = file.into_inner()?;
    file.rewind()?;
    Ok(Spooled { length, bytes: Box::new(file) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_comes_back_whole_from_memory_and_from_a_file() {
        for length in [0, 1, IN_MEMORY - 1, IN_MEMORY, IN_MEMORY + 1, 3 * IN_MEMORY + 7] {
            let body: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
            let mut spooled = spool(body.as_slice()).expect("there is room");
            let mut read = Vec::new();
            spooled.bytes.read_to_end(&mut read).expect("it was written");
            assert_eq!((spooled.length, read == body), (length, true));
        }
    }

    #[test]
    fn a_body_that_breaks_off_is_an_error() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::UnexpectedEof.into())
            }
        }
        assert!(spool(Broken).is_err());
        assert!(spool(io::repeat(7).take(2 * IN_MEMORY).chain(Broken)).is_err());
    }
}
