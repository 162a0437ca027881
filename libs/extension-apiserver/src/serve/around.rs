//! A body around another one: it ends with that and is as long, and something sees each frame pass.
use super::{Body, BoxError};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use std::{
    pin::Pin,
    task::{Context, Poll},
};

/// The next frame of a body, if it is there.
pub(crate) type Polled = Poll<Option<Result<Frame<Bytes>, BoxError>>>;

/// What sees the frames of a body pass.
pub(crate) trait Passage: Unpin {
    /// The next frame, as whoever reads gets it.
    fn poll(&mut self, body: Pin<&mut Body>, cx: &mut Context<'_>) -> Polled {
        http_body::Body::poll_frame(body, cx)
    }

    /// Nobody reads any longer, be it at the end or before it.
    fn left(&mut self, _body: &mut Body) {}
}

/// The body, and what its frames pass.
pub(crate) struct Around<P: Passage> {
    body: Body,
    passage: P,
}

impl<P: Passage> Around<P> {
    pub(crate) fn new(body: Body, passage: P) -> Self {
        Self { body, passage }
    }
}

impl<P: Passage> http_body::Body for Around<P> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        let Self { body, passage } = &mut *self;
        passage.poll(Pin::new(body), cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<P: Passage> Drop for Around<P> {
    fn drop(&mut self) {
        self.passage.left(&mut self.body);
    }
}
