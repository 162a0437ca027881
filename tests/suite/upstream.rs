//! A real HTTP server in the place of a source: it answers what a test says, and remembers what it was asked.
use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use extension_apiserver::serve::{self, Body, Handler, Limits};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Collected};
use hyper::body::Incoming;
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::sync::{CancellationToken, DropGuard};

/// The server; it ends when it is dropped.
pub(crate) struct Upstream {
    address: SocketAddr,
    script: Arc<Script>,
    _running: DropGuard,
}

/// What it answers until it is told otherwise.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Whether `If-None-Match` and `If-Modified-Since` are honoured.
    pub(crate) conditional: bool,
    /// Where the answer waits until it is closed.
    pub(crate) gate: Option<Arc<Semaphore>>,
}

/// One request that arrived.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The status of the answer.
    pub(crate) answered: StatusCode,
}

impl Upstream {
    /// Starts on a free port of loopback.
    pub(crate) async fn start(answer: Answer) -> Self {
        Self::start_at("127.0.0.1:0".parse().expect("an address"), answer).await
    }

    /// Starts where one was dropped, as a source that comes back.
    pub(crate) async fn start_at(address: SocketAddr, answer: Answer) -> Self {
        // The listener of the dropped one closes when its task is next polled.
        let listener = loop {
            match TcpListener::bind(address).await {
                Ok(listener) => break listener,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        let address = listener.local_addr().expect("bound");
        let script = Arc::new(Script { answer: Mutex::new(answer), asked: Mutex::default() });
        let stop = CancellationToken::new();
        tokio::spawn(serve::serve(listener, None, script.clone(), Limits::default(), stop.clone()));
        Self { address, script, _running: stop.drop_guard() }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/data", self.address)
    }

    /// From now on it answers this.
    pub(crate) fn answer(&self, answer: Answer) {
        *locked(&self.script.answer) = answer;
    }

    /// Everything that was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        locked(&self.script.asked).clone()
    }

    /// How many requests got their data, not a 304 or an error.
    pub(crate) fn downloads(&self) -> usize {
        self.asked().iter().filter(|asked| asked.answered == StatusCode::OK).count()
    }
}

impl Answer {
    /// 200 with an `ETag` that follows the body.
    pub(crate) fn data(body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let tag: String = digest(&SHA256, &body).as_ref()[..8].iter().map(|b| format!("{b:02x}")).collect();
        Self { body, ..Self::status(StatusCode::OK) }.with(header::ETAG, &format!("\"{tag}\""))
    }

    /// That status with an empty body.
    pub(crate) fn status(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Bytes::new(), conditional: true, gate: None }
    }

    pub(crate) fn with(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.insert(name, HeaderValue::from_str(value).expect("a header value"));
        self
    }

    /// Sent only once the gate is closed, as all who wait at a semaphore go on then.
    pub(crate) fn behind(mut self, gate: &Arc<Semaphore>) -> Self {
        self.gate = Some(Arc::clone(gate));
        self
    }

    pub(crate) fn without(mut self, name: HeaderName) -> Self {
        self.headers.remove(name);
        self
    }
}

struct Script {
    answer: Mutex<Answer>,
    asked: Mutex<Vec<Asked>>,
}

impl Handler for Script {
    async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        let answer = locked(&self.answer).clone();
        let known = |name, tag| {
            let ours = answer.headers.get(tag);
            answer.conditional && ours.is_some() && request.headers().get(name) == ours
        };
        let unchanged = known(header::IF_NONE_MATCH, header::ETAG)
            || known(header::IF_MODIFIED_SINCE, header::LAST_MODIFIED);
        let status = if unchanged { StatusCode::NOT_MODIFIED } else { answer.status };
        let (asked, body) = request.into_parts();
        let body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
        locked(&self.asked).push(Asked { headers: asked.headers, body, answered: status });
        if let Some(gate) = &answer.gate {
            let _closed = gate.acquire().await;
        }
        let mut response = Response::new(if unchanged { serve::empty() } else { serve::full(answer.body) });
        *response.status_mut() = status;
        *response.headers_mut() = answer.headers;
        response
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no test panics while it holds this")
}
