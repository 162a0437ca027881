//! What goes to the packer: a body as it arrives, or what hooks have made of one.
use crate::{
    Error,
    fetch::{Body, Received},
    transform::Kept,
};
use bytes::Bytes;
use futures::{StreamExt, stream::BoxStream};
use std::io;

/// What goes to the packer.
pub(super) enum Content {
    /// On its way.
    Arriving(Body),
    /// In a file.
    Kept { pieces: BoxStream<'static, io::Result<Bytes>>, length: u64, received: Received },
}

impl Content {
    pub(super) fn kept(kept: &Kept) -> Self {
        Self::Kept { pieces: kept.pieces().boxed(), length: kept.length, received: kept.received }
    }

    /// Reads on until the body ends or is known to be larger than `most`. Its length, if that is at most `most`.
    pub(super) async fn read_ahead(&mut self, most: u64) -> Result<Option<u64>, Error> {
        match self {
            Self::Arriving(body) => body.read_ahead(most).await,
            Self::Kept { length, .. } => Ok(Some(*length).filter(|length| *length <= most)),
        }
    }

    /// The next piece; `None` after the last.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        match self {
            Self::Arriving(body) => body.chunk().await,
            Self::Kept { pieces, .. } => pieces.next().await.transpose().map_err(Error::NotSpooled),
        }
    }

    /// Digest and size of the body as received, after its last piece.
    pub(super) fn finish(self) -> Result<Received, Error> {
        match self {
            Self::Arriving(body) => body.finish(),
            Self::Kept { received, .. } => Ok(received),
        }
    }
}
