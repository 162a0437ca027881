//! Two bounded pipes between the async side, which waits for network and store, and the packer's thread, which
//! computes. Each holds a few pieces: enough to keep both busy, little enough to keep memory flat.
use bytes::{Buf, Bytes, BytesMut};
use std::io::{self, Read, Write};
use tokio::sync::mpsc;

/// Pieces of a body are as large as the transport reads them, at most a few hundred KiB.
const PIECES_IN: usize = 2;
const PIECES_OUT: usize = 2;
const PIECE_OUT: usize = 256 * 1024;

/// A pipe from the body to the packer.
pub(super) fn inlet() -> (Feed, Source) {
    // The async side sends what it received; the packer's thread reads it.
    let (pieces_tx, pieces_rx) = mpsc::channel(PIECES_IN);
    (Feed(pieces_tx), Source { pieces_rx, piece: Bytes::new(), ended: false })
}

/// A pipe from the packer to the store.
pub(super) fn outlet() -> (Sink, mpsc::Receiver<Bytes>) {
    // The packer's thread sends the archive; the async side stores it.
    let (pieces_tx, pieces_rx) = mpsc::channel(PIECES_OUT);
    (Sink { pieces_tx, piece: BytesMut::new() }, pieces_rx)
}

/// The end that the async side holds. Dropped without [`Feed::end`], the reader gets an error: half a body must never
/// look like a whole one.
pub(super) struct Feed(mpsc::Sender<Piece>);

enum Piece {
    Bytes(Bytes),
    End,
}

/// The reader is gone: the packer has failed, and says why.
#[derive(Debug)]
pub(super) struct Closed;

impl Feed {
    pub(super) async fn send(&self, bytes: Bytes) -> Result<(), Closed> {
        self.0.send(Piece::Bytes(bytes)).await.map_err(|_| Closed)
    }

    pub(super) async fn end(self) -> Result<(), Closed> {
        self.0.send(Piece::End).await.map_err(|_| Closed)
    }
}

/// The end that the packer reads. Blocks its thread.
pub(super) struct Source {
    pieces_rx: mpsc::Receiver<Piece>,
    piece: Bytes,
    ended: bool,
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() && !self.ended {
            match self.pieces_rx.blocking_recv() {
                Some(Piece::Bytes(piece)) => self.piece = piece,
                Some(Piece::End) => self.ended = true,
                None => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the body was given up")),
            }
        }
        let count = buffer.len().min(self.piece.len());
        self.piece.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

/// The end that the packer writes. Blocks its thread. Pieces are sent when they are large; [`Write::flush`] sends the
/// rest.
pub(super) struct Sink {
    pieces_tx: mpsc::Sender<Bytes>,
    piece: BytesMut,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE_OUT {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = self.piece.split().freeze();
        self.pieces_tx.blocking_send(piece).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::task::spawn_blocking;

    #[tokio::test]
    async fn what_goes_in_comes_out() {
        let (feed, mut source) = inlet();
        let (mut sink, mut pieces) = outlet();
        let copying = spawn_blocking(move || {
            let copied = io::copy(&mut source, &mut sink)?;
            sink.flush().map(|()| copied)
        });
        let sending = async {
            for n in 0..100_u8 {
                feed.send(Bytes::from(vec![n; 10_000])).await.expect("the reader lives");
            }
            feed.end().await.expect("the reader lives");
        };
        let receiving = async {
            let mut received = Vec::new();
            while let Some(piece) = pieces.recv().await {
                received.extend_from_slice(&piece);
            }
            received
        };
        let ((), received) = tokio::join!(sending, receiving);
        assert_eq!(copying.await.unwrap().unwrap(), 1_000_000);
        assert!(
            received.len() == 1_000_000 && received.chunks(10_000).zip(0..).all(|(c, n)| c == [n; 10_000])
        );
    }

    #[tokio::test]
    async fn a_body_that_was_given_up_is_no_short_body() {
        let (feed, mut source) = inlet();
        let reading = spawn_blocking(move || io::read_to_string(&mut source));
        feed.send(Bytes::from_static(b"half")).await.expect("the reader lives");
        drop(feed);
        assert_eq!(reading.await.unwrap().expect_err("no end").kind(), io::ErrorKind::UnexpectedEof);
    }

    #[tokio::test]
    async fn a_store_that_gave_up_stops_the_packer() {
        let (mut sink, pieces) = outlet();
        drop(pieces);
        let writing = spawn_blocking(move || sink.write_all(&[0; PIECE_OUT]));
        assert_eq!(writing.await.unwrap().expect_err("nobody reads").kind(), io::ErrorKind::BrokenPipe);
    }
}
