//! A gzip blob as the bytes that it inflates to, a piece at a time.
use crate::{Blob, BlobKey, StoreError, store::Pieces};
use bytes::{Buf, Bytes};
use flate2::{Decompress, FlushDecompress, Status};
use futures::TryStreamExt;
use tokio::task::coop::consume_budget;

/// How much is inflated at a time.
const PIECE: usize = 64 * 1024;

/// The window of deflate, as a power of two.
const WINDOW_BITS: u8 = 15;

/// Bytes that come out of a blob.
pub(super) struct Inflated {
    key: BlobKey,
    compressed: Pieces,
    input: Bytes,
    inflate: Decompress,
    output: Bytes,
}

impl Inflated {
    pub(super) fn new(blob: Blob) -> Self {
        Self {
            key: blob.info.key,
            compressed: blob.bytes,
            input: Bytes::new(),
            inflate: Decompress::new_gzip(WINDOW_BITS),
            output: Bytes::new(),
        }
    }

    /// Exactly `count` bytes.
    pub(super) async fn read(&mut self, count: u64) -> Result<Vec<u8>, StoreError> {
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < count {
            bytes.extend_from_slice(&self.piece(count - bytes.len() as u64).await?);
        }
        Ok(bytes)
    }

    /// Passes over `count` bytes.
    pub(super) async fn skip(&mut self, mut count: u64) -> Result<(), StoreError> {
        while count > 0 {
            count -= self.piece(count).await?.len() as u64;
        }
        Ok(())
    }

    /// The next bytes: at least one, at most `most`. That there are none is an error, since nobody asks beyond the end.
    pub(super) async fn piece(&mut self, most: u64) -> Result<Bytes, StoreError> {
        while self.output.is_empty() {
            // Blobs in memory are always ready, and a large one must not hold its thread.
            consume_budget().await;
            self.inflate().await?;
        }
        let most = self.output.len().min(usize::try_from(most).unwrap_or(usize::MAX));
        Ok(self.output.split_to(most))
    }

    async fn inflate(&mut self) -> Result<(), StoreError> {
        let unknown = |why| StoreError::NotAnArchive { key: self.key.clone(), why };
        if self.input.is_empty() {
            self.input = self.compressed.try_next().await?.ok_or_else(|| unknown("it ends early"))?;
        }
        let (before, mut output) = (self.inflate.total_in(), Vec::with_capacity(PIECE));
        let inflated = self.inflate.decompress_vec(&self.input, &mut output, FlushDecompress::None);
        let status = inflated.map_err(|_| unknown("it cannot be inflated"))?;
        if status == Status::StreamEnd && output.is_empty() {
            return Err(unknown("it ends early"));
        }
        self.input.advance((self.inflate.total_in() - before) as usize);
        self.output = output.into();
        Ok(())
    }
}
