//! What lies outside: a server with an answer for each source, over HTTP and with two certificates, which also does as a proxy.
//! It remembers all that it was sent and what it sent.
use crate::pki::{Authority, foreign_leaf};
use anyhow::{Result, ensure};
use bytes::Bytes;
use crds::ExternalSource;
use extension_apiserver::serve::{self, Body, ClientCertificates, Handler, Limits, Tls};
use futures::stream;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::{
    collections::{BTreeSet, HashMap},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

/// The server; it ends when this is dropped.
pub(super) struct World {
    pub(super) plain: SocketAddr,
    /// With a certificate of `authority`.
    pub(super) trusted: SocketAddr,
    /// With a certificate of nobody.
    pub(super) untrusted: SocketAddr,
    pub(super) authority: String,
    /// A client certificate and its key.
    pub(super) client: (String, String),
    shelf: Arc<Shelf>,
    _running: DropGuard,
}

/// What a source gets.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: Vec<(header::HeaderName, String)>,
    pub(super) body: String,
    /// Where it is led at first.
    pub(super) location: Option<String>,
    pub(super) course: Course,
}

/// How an answer goes on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Course {
    Whole,
    CutOff,
    Silent,
}

#[derive(Default)]
struct Shelf {
    answers: Mutex<HashMap<String, Answer>>,
    seen: Mutex<String>,
}

impl World {
    pub(super) async fn open() -> Result<Self> {
        let shelf = Arc::new(Shelf::default());
        let stop = CancellationToken::new();
        let (authority, certificate) = Authority::new("canaries")?;
        let listen = async |tls: Option<(String, String)>| -> Result<SocketAddr> {
            let tls = tls
                .map(|(chain, key)| Tls::new(chain.as_bytes(), key.as_bytes(), ClientCertificates::Request));
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let address = listener.local_addr()?;
            let serving =
                serve::serve(listener, tls.transpose()?, shelf.clone(), Limits::default(), stop.clone());
            tokio::spawn(serving);
            Ok(address)
        };
        Ok(Self {
            plain: listen(None).await?,
            trusted: listen(Some(authority.leaf()?)).await?,
            untrusted: listen(Some(foreign_leaf()?)).await?,
            authority: certificate,
            client: authority.client_pair("canaries")?,
            shelf,
            _running: stop.drop_guard(),
        })
    }

    /// From now on the source of that name gets this answer.
    pub(super) fn serve(&self, name: &str, answer: Answer) {
        locked(&self.shelf.answers).insert(name.to_owned(), answer);
    }

    /// Everything that went either way, and what was read.
    pub(super) fn seen(&self) -> String {
        locked(&self.shelf.seen).clone()
    }

    /// What hooks add to a body is seen in the artifact alone.
    pub(super) async fn read_artifacts(&self, sources: &[ExternalSource]) -> Result<()> {
        for source in sources {
            let Some(artifact) = source.status.as_ref().and_then(|status| status.artifact.as_ref()) else {
                continue;
            };
            let bytes = reqwest::get(&artifact.url).await?.error_for_status()?.bytes().await?;
            for (_, text) in crate::archive::files(&bytes)? {
                self.shelf.note(&text);
            }
        }
        Ok(())
    }

    /// What cannot be chosen, by a name for it: what only a key holds, and the tokens of ServiceAccounts that came.
    ///
    /// # Errors
    /// No token came.
    pub(super) fn secrets(&self) -> Result<Vec<(String, String)>> {
        let signatures = signatures(&self.seen());
        ensure!(!signatures.is_empty(), "no token of a ServiceAccount came through");
        let tokens =
            signatures.into_iter().map(|signature| ("a ServiceAccount's token".to_owned(), signature));
        Ok(lines_of("the client's key", &self.client.1).into_iter().chain(tokens).collect())
    }
}

/// The last parts of all tokens in a text, without which they are worth nothing; the others are no secrets.
fn signatures(text: &str) -> BTreeSet<String> {
    let tokens = text.split(['"', ' ']).filter(|word| word.starts_with("eyJ"));
    let parts = tokens.filter_map(|token| token.rsplit_once('.'));
    parts.map(|(_, signature)| signature.to_owned()).filter(|signature| signature.len() > 40).collect()
}

/// The lines of a key in PEM, each as good as all of them.
pub(super) fn lines_of(name: &str, pem: &str) -> Vec<(String, String)> {
    let lines = pem.lines().filter(|line| line.len() > 40 && !line.starts_with("---"));
    lines.map(|line| (name.to_owned(), line.to_owned())).collect()
}

impl Shelf {
    fn note(&self, text: &str) {
        locked(&self.seen).push_str(text);
    }
}

impl Handler for Shelf {
    async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let asked = format!("{} {:?} {}\n", parts.uri, parts.headers, String::from_utf8_lossy(&body));
        let path = parts.uri.path();
        let name = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        let answer = locked(&self.answers).get(name).cloned();
        self.note(&format!("{asked}{answer:?}\n"));
        match answer {
            Some(answer) => answered(answer, path.ends_with("/landed")).await,
            None => with_status(StatusCode::NOT_FOUND),
        }
    }
}

async fn answered(answer: Answer, has_landed: bool) -> Response<Body> {
    let value = |text: &str| HeaderValue::from_str(text).expect("a header value");
    if let Some(location) = answer.location.filter(|_| !has_landed) {
        let mut response = with_status(StatusCode::FOUND);
        response.headers_mut().insert(header::LOCATION, value(&location));
        return response;
    }
    let body = Bytes::from(answer.body);
    let mut response = match answer.course {
        Course::Whole => Response::new(serve::full(body)),
        Course::CutOff => {
            Response::new(serve::stream(stream::iter([Ok(body), Err("the cable is out".into())])))
        }
        Course::Silent => std::future::pending().await,
    };
    *response.status_mut() = answer.status;
    for (name, text) in answer.headers {
        response.headers_mut().insert(name, value(&text));
    }
    response
}

fn with_status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(serve::empty());
    *response.status_mut() = status;
    response
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no test panics while it holds this")
}
