//! Cuts a body off at the request's deadline, as kube-apiserver would two seconds later.
use crate::serve::{Body, BoxError};
use bytes::Bytes;
use http::Response;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::time::{Instant, Sleep, sleep_until};

/// Ends the body with an error once `deadline` has passed. One whose bytes are all there already is left alone.
pub(super) fn cut(response: Response<Body>, deadline: Instant) -> Response<Body> {
    if response.body().size_hint().exact().is_some() {
        return response;
    }
    response.map(|body| Limited { body, deadline: Box::pin(sleep_until(deadline)) }.boxed_unsync())
}

struct Limited {
    body: Body,
    deadline: Pin<Box<Sleep>>,
}

impl http_body::Body for Limited {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Pending => {}
            ready => return ready,
        }
        std::task::ready!(self.deadline.as_mut().poll(cx));
        Poll::Ready(Some(Err("the request took longer than it may".into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
