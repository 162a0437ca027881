//! Keeps a body aside until its length is known: a tar header comes before the data that it measures.
//!
//! The file has no name: nobody else can open it, and a crash leaves nothing behind. Bodies that announce their length
//! never come here, and neither do those that are small enough to be read ahead.
use std::{
    fs::File,
    io::{self, BufWriter, Read, Seek},
};

/// One write to the file; the default of the standard library would make thirty of it.
const BUFFER: usize = 256 * 1024;

/// A body whose length is known.
pub(super) struct Spooled {
    pub(super) length: u64,
    pub(super) file: File,
}

/// Reads `source` to its end. How long it may be is not decided here.
pub(super) fn spool(mut source: impl Read) -> io::Result<Spooled> {
    let mut file = BufWriter::with_capacity(BUFFER, tempfile::tempfile()?);
    let length = io::copy(&mut source, &mut file)?;
    let mut file = file.into_inner()?;
    file.rewind()?;
    Ok(Spooled { length, file })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_comes_back_whole() {
        for length in [0, 1, BUFFER, 3 * BUFFER + 7] {
            let body: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
            let mut spooled = spool(body.as_slice()).expect("there is room");
            let mut read = Vec::new();
            spooled.file.read_to_end(&mut read).expect("it was written");
            assert_eq!((spooled.length, read == body), (length as u64, true));
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
        assert!(spool(io::repeat(7).take(2 * BUFFER as u64).chain(Broken)).is_err());
    }
}
