//! What an answer is made of: pieces that exist already, put together only while they are sent.
use super::GZIP_FROM;
use crate::serve::{Body, BoxError, full};
use bytes::{Bytes, BytesMut};
use flate2::{Compression, write::GzEncoder};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use std::{
    io::Write,
    iter::Peekable,
    pin::Pin,
    task::{Context, Poll},
    vec,
};

/// How much is put together at once. An answer no larger than this is sent in one piece.
const BLOCK: usize = 32 * 1024;

/// A document in pieces.
#[derive(Default)]
pub(crate) struct Written {
    pieces: Vec<Bytes>,
    size: usize,
}

impl Written {
    pub(super) fn push(&mut self, piece: impl Into<Bytes>) {
        let piece = piece.into();
        self.size += piece.len();
        self.pieces.push(piece);
    }

    /// As the body of a response, and whether it is compressed.
    pub(super) fn into_body(self, takes_gzip: bool) -> (Body, bool) {
        if takes_gzip
            && self.size > GZIP_FROM
            && let Some(compressed) = compressed(&self.pieces, self.size)
        {
            return (full(compressed), true);
        }
        let mut blocks = Blocks { left: self.size, pieces: self.pieces.into_iter().peekable() };
        if blocks.left <= BLOCK {
            return (full(blocks.next().unwrap_or_default()), false);
        }
        (blocks.boxed_unsync(), false)
    }
}

impl<P: Into<Bytes>> From<P> for Written {
    fn from(piece: P) -> Self {
        let mut written = Self::default();
        written.push(piece);
        written
    }
}

/// Compressed for speed: level 1, as Go does. `size` is that of all pieces.
pub(crate) fn compressed(pieces: &[impl AsRef<[u8]>], size: usize) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(size / 4), Compression::fast());
    pieces.iter().try_for_each(|piece| encoder.write_all(piece.as_ref())).ok()?;
    encoder.finish().ok()
}

/// The rest of a document, block by block: however many read it, and however slowly, each holds one block.
struct Blocks {
    left: usize,
    pieces: Peekable<vec::IntoIter<Bytes>>,
}

impl Blocks {
    /// At most [`BLOCK`] bytes, or one piece that is larger.
    fn next(&mut self) -> Option<Bytes> {
        let first = self.pieces.next()?;
        let block = match self.pieces.peek() {
            Some(second) if first.len() + second.len() <= BLOCK => self.joined(&first),
            // It is one already.
            _ => first,
        };
        self.left -= block.len();
        Some(block)
    }

    fn joined(&mut self, first: &[u8]) -> Bytes {
        let mut block = BytesMut::with_capacity(self.left.min(BLOCK));
        block.extend_from_slice(first);
        while let Some(piece) = self.pieces.next_if(|piece| block.len() + piece.len() <= BLOCK) {
            block.extend_from_slice(&piece);
        }
        block.freeze()
    }
}

impl http_body::Body for Blocks {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready(self.next().map(|block| Ok(Frame::data(block))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body::Body as _;

    fn written(sizes: &[usize]) -> Written {
        let mut written = Written::default();
        sizes.iter().for_each(|size| written.push(vec![b'x'; *size]));
        written
    }

    #[tokio::test]
    async fn a_large_answer_is_sent_in_blocks_that_hold_whole_pieces() {
        let (mut body, is_compressed) = written(&[10_000, 20_000, 10_000, 40_000, 100]).into_body(false);
        assert!(!is_compressed);
        let mut blocks = Vec::new();
        while let Some(frame) = body.frame().await {
            blocks.push(frame.expect("memory can be read").into_data().expect("data").len());
            let left: usize = 80_100 - blocks.iter().sum::<usize>();
            assert_eq!(body.size_hint().exact(), Some(left as u64), "HTTP/1.1 says how much is to come");
        }
        assert_eq!(blocks, [30_000, 10_000, 40_000, 100]);
        assert!(body.is_end_stream());
    }

    #[tokio::test]
    async fn a_small_answer_is_one_piece() {
        for sizes in [&[][..], &[5], &[10_000, 1]] {
            let (mut body, _) = written(sizes).into_body(true);
            let whole =
                body.frame().await.map(|frame| frame.expect("memory").into_data().expect("data").len());
            assert_eq!(whole.unwrap_or_default(), sizes.iter().sum::<usize>());
            assert!(body.frame().await.is_none());
        }
    }
}
