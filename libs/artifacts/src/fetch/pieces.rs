//! A body in memory, as it came.
use bytes::{Buf, Bytes};
use std::{
    collections::VecDeque,
    io::{self, Read},
};

/// Pieces of a body that are read as one text, without a copy of it all.
pub(crate) struct Pieces(pub(crate) VecDeque<Bytes>);

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.0.front().is_some_and(Bytes::is_empty) {
            self.0.pop_front();
        }
        let Some(piece) = self.0.front_mut() else { return Ok(0) };
        let count = buffer.len().min(piece.len());
        piece.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}
