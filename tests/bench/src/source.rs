//! The HTTP source of all benches: serves from memory, and keeps a log of what it answered.
use crate::data;
use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Instant,
};
use tokio::net::{TcpListener, TcpStream};

/// The size of the large bodies.
pub(crate) const LARGE: usize = 100 << 20;
/// The size of the body that shows what does not grow with the size.
pub(crate) const MEDIUM: usize = 1 << 20;
/// The size of the body of one source among many.
pub(crate) const SMALL: usize = 10 << 10;

/// A running source. It ends with the program.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) address: SocketAddr,
    answers: Arc<Answers>,
}

/// One answer that was given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answered {
    pub(crate) at: Instant,
    pub(crate) status: StatusCode,
}

struct Answers {
    text: Bytes,
    sources: Bytes,
    noise: Bytes,
    log: Mutex<Vec<Answered>>,
}

impl Source {
    /// Starts to serve `/text`, `/sources` and `/noise`, which are large, `/text-1mib`, `/noise-10kib`, and `/documents/N`, a small one
    /// for each number. All have an `ETag`.
    pub(crate) async fn start(listen: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(listen).await.context("failed to listen")?;
        let address = listener.local_addr().context("failed to learn the port")?;
        let answers = Arc::new(Answers {
            text: data::text(LARGE).into(),
            sources: data::sources(LARGE)?.into(),
            noise: data::noise(LARGE).into(),
            log: Mutex::default(),
        });
        let source = Self { address, answers: answers.clone() };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answers.clone()));
            }
        });
        Ok(source)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    pub(crate) fn body(&self, path: &str) -> Bytes {
        self.answers.body(path).expect("the benches ask for what there is")
    }

    /// What was answered since the last call.
    pub(crate) fn take_log(&self) -> Vec<Answered> {
        std::mem::take(&mut self.answers.log.lock().expect("nobody panics while holding it"))
    }
}

async fn serve(stream: TcpStream, answers: Arc<Answers>) {
    let service = service_fn(move |request| {
        let response = answers.respond(&request);
        async move { Ok::<_, Infallible>(response) }
    });
    // A client that leaves in the middle ends its connection and nothing else.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

impl Answers {
    fn respond(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let response = self.response(request);
        let answered = Answered { at: Instant::now(), status: response.status() };
        self.log.lock().expect("nobody panics while holding it").push(answered);
        response
    }

    fn response(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::default());
        let path = request.uri().path().trim_start_matches('/');
        let body = (request.method() == Method::GET).then(|| self.body(path)).flatten();
        let Some(body) = body else {
            *response.status_mut() = StatusCode::NOT_FOUND;
            return response;
        };
        let etag =
            HeaderValue::from_str(&format!("\"{}\"", path.replace('/', "-"))).expect("paths here are plain");
        if request.headers().get(header::IF_NONE_MATCH) == Some(&etag) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            *response.body_mut() = Full::new(body);
        }
        response.headers_mut().insert(header::ETAG, etag);
        response
    }

    fn body(&self, path: &str) -> Option<Bytes> {
        match path {
            "text" => Some(self.text.clone()),
            "text-1mib" => Some(self.text.slice(..MEDIUM)),
            "sources" => Some(self.sources.clone()),
            "noise" => Some(self.noise.clone()),
            "noise-10kib" => Some(self.noise.slice(..SMALL)),
            _ => {
                let number = path.strip_prefix("documents/")?.parse().ok()?;
                Some(data::document(number, SMALL).into())
            }
        }
    }
}
