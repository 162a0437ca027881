//! The bytes of a blob on their way to a reader.
use super::StoreError;
use bytes::Bytes;
use futures::{Stream, StreamExt, stream::BoxStream};
use std::{
    mem,
    pin::Pin,
    task::{Context, Poll},
};

/// Bytes that come piece by piece. Whoever can do more with those that are at hand already looks which they are.
pub enum Pieces {
    /// All of them, in memory.
    AtHand(Bytes),
    /// Each as it is read.
    Coming(BoxStream<'static, Result<Bytes, StoreError>>),
}

impl Stream for Pieces {
    type Item = Result<Bytes, StoreError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.get_mut() {
            Self::AtHand(bytes) => {
                let all = mem::take(bytes);
                Poll::Ready((!all.is_empty()).then_some(Ok(all)))
            }
            Self::Coming(pieces) => pieces.poll_next_unpin(cx),
        }
    }
}
