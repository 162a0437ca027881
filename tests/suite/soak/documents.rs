//! The server behind all sources: a document for each, which changes, and fails in every way that servers do.
use anyhow::Result;
use bytes::Bytes;
use extension_apiserver::serve::{self, Body, Handler, Limits};
use futures::stream;
use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

/// All documents, and where they are served until this is dropped.
pub(super) struct Documents {
    address: SocketAddr,
    shelf: Arc<Shelf>,
    _serving: DropGuard,
}

/// How a document fails.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    Error,
    Missing,
    TooMany,
    Silence,
    CutOff,
}

impl Fault {
    pub(super) const ALL: [Self; 5] =
        [Self::Error, Self::Missing, Self::TooMany, Self::Silence, Self::CutOff];
}

struct Shelf {
    documents: Vec<Mutex<Document>>,
    asked: AtomicUsize,
}

#[derive(Clone, Copy, Default)]
struct Document {
    version: usize,
    fault: Option<(Fault, Instant)>,
}

impl Documents {
    pub(super) async fn serve(count: usize) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let documents = (0..count).map(|_| Mutex::default()).collect();
        let shelf = Arc::new(Shelf { documents, asked: AtomicUsize::new(0) });
        let stop = CancellationToken::new();
        tokio::spawn(serve::serve(listener, None, shelf.clone(), Limits::default(), stop.clone()));
        Ok(Self { address, shelf, _serving: stop.drop_guard() })
    }

    pub(super) fn url(&self, number: usize) -> String {
        format!("http://{}/{number}", self.address)
    }

    /// What is served under that number now.
    pub(super) fn text(&self, number: usize) -> String {
        text(number, self.shelf.document(number).version)
    }

    /// How often any of them was asked for.
    pub(super) fn asked(&self) -> usize {
        self.shelf.asked.load(Ordering::Relaxed)
    }

    pub(super) fn change(&self, number: usize) {
        self.shelf.document(number).version += 1;
    }

    pub(super) fn break_for(&self, number: usize, fault: Fault, duration: Duration) {
        self.shelf.document(number).fault = Some((fault, Instant::now() + duration));
    }

    pub(super) fn heal(&self) {
        for number in 0..self.shelf.documents.len() {
            self.shelf.document(number).fault = None;
        }
    }
}

impl Shelf {
    fn document(&self, number: usize) -> MutexGuard<'_, Document> {
        self.documents[number].lock().expect("nobody panics while holding it")
    }
}

impl Handler for Shelf {
    async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        let number = request.uri().path().trim_start_matches('/').parse().ok();
        let Some(number) = number.filter(|number| *number < self.documents.len()) else {
            return status(StatusCode::NOT_FOUND);
        };
        self.asked.fetch_add(1, Ordering::Relaxed);
        let Document { version, fault } = *self.document(number);
        let text = Bytes::from(text(number, version));
        match fault.filter(|(_, end)| Instant::now() < *end).map(|(fault, _)| fault) {
            None => {}
            Some(Fault::Error) => return status(StatusCode::INTERNAL_SERVER_ERROR),
            Some(Fault::Missing) => return status(StatusCode::NOT_FOUND),
            Some(Fault::TooMany) => {
                let mut response = status(StatusCode::TOO_MANY_REQUESTS);
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("3"));
                return response;
            }
            Some(Fault::Silence) => std::future::pending().await,
            Some(Fault::CutOff) => {
                let half = Ok(text.slice(..text.len() / 2));
                return Response::new(serve::stream(stream::iter([half, Err("the cable is out".into())])));
            }
        }
        let tag = HeaderValue::from_str(&format!("\"{version}\"")).expect("a number in quotes");
        let unchanged = request.headers().get(header::IF_NONE_MATCH) == Some(&tag);
        let mut response =
            if unchanged { status(StatusCode::NOT_MODIFIED) } else { Response::new(serve::full(text)) };
        response.headers_mut().insert(header::ETAG, tag);
        response
    }
}

/// Up to 20 KiB, so that sizes differ from source to source and from time to time.
fn text(number: usize, version: usize) -> String {
    let lines = (number * 7 + version * 13) % 300 + 1;
    format!("source {number}, version {version}: a line as long as most lines are\n").repeat(lines)
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(serve::empty());
    *response.status_mut() = status;
    response
}
