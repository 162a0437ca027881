//! One request through the handler: a panic costs that request and nothing else.
use super::{
    Body, CloseConnection, Handler, Successor,
    activity::Running,
    around::{Around, Passage, Polled},
    full,
};
use futures::FutureExt;
use http::{
    Request, Response, StatusCode,
    header::{CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS},
};
use hyper::body::Incoming;
use std::{
    any::Any,
    convert::Infallible,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};
use tokio_util::sync::CancellationToken;
use tracing::error;

/// What answers ask of their connection.
pub(super) struct Wishes {
    /// To take no further request.
    pub(super) close: CancellationToken,
    /// To be taken over.
    pub(super) successor: OnceLock<Successor>,
}

/// Never fails, in the shape that hyper asks for.
pub(super) async fn answer<H: Handler>(
    handler: Arc<H>,
    request: Request<Incoming>,
    running: Running,
    wishes: Arc<Wishes>,
) -> Result<Response<Around<Watched>>, Infallible> {
    // In a place of its own: a watch that stays open for hours keeps nothing of what only its request needed.
    let handling = Box::pin(async { handler.handle(request).await });
    let handled = AssertUnwindSafe(handling).catch_unwind().await;
    let mut response = handled.unwrap_or_else(|panic| {
        error!(panic = text(&*panic), "a request handler panicked");
        internal_error()
    });
    if response.extensions().get::<CloseConnection>().is_some() {
        wishes.close.cancel();
    }
    if let Some(next) = response.extensions_mut().remove::<Successor>() {
        // A connection is taken over once: nothing follows on the answer that says so.
        let _first = wishes.successor.set(next);
    }
    Ok(response.map(|body| Around::new(body, Watched { _running: running })))
}

fn internal_error() -> Response<Body> {
    let mut response = Response::new(full("this request made the server panic; its log says more\n"));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn text(panic: &(dyn Any + Send)) -> &str {
    let literal = panic.downcast_ref::<&str>().copied();
    literal.or_else(|| panic.downcast_ref().map(String::as_str)).unwrap_or("not a text")
}

/// What a response's body passes. Its request runs until this is dropped; a panic in it resets its stream alone, where it would
/// otherwise take all other streams of the connection along.
pub(super) struct Watched {
    _running: Running,
}

impl Passage for Watched {
    fn poll(&mut self, body: Pin<&mut Body>, cx: &mut Context<'_>) -> Polled {
        let poll = AssertUnwindSafe(|| http_body::Body::poll_frame(body, cx));
        catch_unwind(poll).unwrap_or_else(|panic| {
            error!(panic = text(&*panic), "a response body panicked");
            Poll::Ready(Some(Err("the response body panicked".into())))
        })
    }
}
