//! Connections that change hands: a client offers to speak another protocol from here on, and a handler takes that up.
//!
//! The answer carries what is to happen next; the connection does it once the answer is written, and ends with it. So an
//! upgraded connection keeps its slot, is drained like any other, and goes when the server does.
use super::{Body, empty};
use futures::{FutureExt, future::BoxFuture};
use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode, Version,
    header::{CONNECTION, UPGRADE},
};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};
use tracing::debug;

/// The bytes of a connection that was taken over.
pub type Upgraded = TokioIo<hyper::upgrade::Upgraded>;

/// A client's offer to speak another protocol on its connection. Who drops it lets the request be answered as any other.
#[derive(Debug)]
pub struct Upgrade {
    protocol: HeaderValue,
    connection: OnUpgrade,
}

impl Upgrade {
    /// The offer in a request, if there is one. HTTP/2 has none: its streams are all that a client needs.
    pub fn offered<B>(request: &mut Request<B>) -> Option<Self> {
        let protocol = request.headers().get(UPGRADE)?.clone();
        let offers = request.version() == Version::HTTP_11 && asks_to_upgrade(request.headers());
        offers.then(|| Self { protocol, connection: hyper::upgrade::on(request) })
    }

    /// The protocol that the client offers, in lower case: `websocket`, for one.
    pub fn protocol(&self) -> String {
        String::from_utf8_lossy(self.protocol.as_bytes()).to_lowercase()
    }

    /// Answers 101, and has `run` speak the offered protocol then. The connection is closed when `run` is done.
    pub fn accept<F>(self, run: impl FnOnce(Upgraded) -> F + Send + 'static) -> Response<Body>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let Self { protocol, connection } = self;
        let mut response = Response::new(empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        response.headers_mut().insert(UPGRADE, protocol);
        response.extensions_mut().insert(Successor::new(async move {
            match connection.await {
                Ok(upgraded) => run(TokioIo::new(upgraded)).await,
                Err(error) => debug!(%error, "the client left before its connection was taken over"),
            }
        }));
        response
    }
}

fn asks_to_upgrade(headers: &HeaderMap) -> bool {
    let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|option| option.trim().eq_ignore_ascii_case("upgrade"))
}

/// What is done with a connection after its last answer; travels in the extensions of that answer.
#[derive(Clone)]
pub(crate) struct Successor(Arc<Mutex<Option<BoxFuture<'static, ()>>>>);

impl Successor {
    fn new(work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Some(work.boxed()))))
    }

    /// Keeps something alive until the work is done, or given up.
    pub(crate) fn hold<T: Send + 'static>(&self, held: T) {
        let mut work = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = work.take();
        *work = Some(
            async move {
                let _held = held;
                if let Some(before) = before {
                    before.await;
                }
            }
            .boxed(),
        );
    }

    /// Does the work, once.
    pub(super) async fn run(&self) {
        let work = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(work) = work {
            work.await;
        }
    }
}
