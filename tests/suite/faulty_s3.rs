//! Something between a client and a real S3 that passes everything on, but for what a test wants to go wrong.
use anyhow::Result;
use bytes::Bytes;
use extension_apiserver::serve::{self, Body, BoxError, Handler, Limits};
use futures::{StreamExt, stream};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Collected};
use hyper::body::Incoming;
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use tokio::{net::TcpListener, time::sleep};
use tokio_util::sync::{CancellationToken, DropGuard};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// So many completions of uploads in parts are answered with 200 and an error in the body. Those that are done all the same
    /// are, before they are answered so.
    Completions { left: usize, are_done: bool },
    /// From the third part on, parts are answered with 403.
    Parts,
    /// The second object that is asked for is answered with 403, and so are all that follow.
    Reads,
    /// Answers tell another ETag than the object has.
    Tags,
    /// Bodies of objects come with a kilobyte a second.
    Slow,
    /// So many times, the connection breaks when 99 of 100 bytes of an object's body have been sent.
    Resets { left: usize },
    /// Every list is the first one that was given since.
    Lists,
}

/// What was asked, and what the real S3 or the fault answered.
#[derive(Clone, Debug)]
pub(crate) struct Passed {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) status: StatusCode,
}

/// The way to an S3; it ends when it is dropped.
pub(crate) struct FaultyS3 {
    address: SocketAddr,
    state: Arc<State>,
    _running: DropGuard,
}

struct State {
    gateway: SocketAddr,
    client: reqwest::Client,
    fault: Mutex<Option<Fault>>,
    /// The first list that was given of each prefix.
    lists: Mutex<HashMap<String, (StatusCode, HeaderMap, Bytes)>>,
    reads: Mutex<usize>,
    passed: Mutex<Vec<Passed>>,
}

impl FaultyS3 {
    /// Stands before that one.
    pub(crate) async fn before(gateway: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let client =
            reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;
        let state = Arc::new(State {
            gateway,
            client,
            fault: Mutex::default(),
            lists: Mutex::default(),
            reads: Mutex::default(),
            passed: Mutex::default(),
        });
        let stop = CancellationToken::new();
        tokio::spawn(serve::serve(listener, None, Arc::clone(&state), Limits::default(), stop.clone()));
        Ok(Self { address, state, _running: stop.drop_guard() })
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on that goes wrong, and nothing else; nothing at all if it is `None`.
    pub(crate) fn set(&self, fault: Option<Fault>) {
        *locked(&self.state.fault) = fault;
        locked(&self.state.lists).clear();
        locked(&self.state.passed).clear();
        *locked(&self.state.reads) = 0;
    }

    /// All that was asked since the last [`Self::set`], in the order of the answers.
    pub(crate) fn passed(&self) -> Vec<Passed> {
        locked(&self.state.passed).clone()
    }
}

impl Passed {
    /// Whether it puts an upload in parts together.
    pub(crate) fn is_completion(&self) -> bool {
        is_completion(&self.method, &self.target)
    }

    /// Whether it sends a part of one.
    pub(crate) fn is_part(&self) -> bool {
        self.method == Method::PUT && self.target.contains("partNumber=")
    }

    /// Whether it removes the parts of one.
    pub(crate) fn is_abort(&self) -> bool {
        self.method == Method::DELETE && self.target.contains("uploadId=")
    }
}

fn is_completion(method: &Method, target: &str) -> bool {
    *method == Method::POST && target.contains("uploadId=")
}

/// At most two are on their way at once, so that the first has arrived before the third is sent.
fn is_late_part(target: &str) -> bool {
    target.contains("partNumber=")
        && !["partNumber=1&", "partNumber=2&"].iter().any(|early| target.contains(early))
}

fn is_list(method: &Method, target: &str) -> bool {
    *method == Method::GET && target.contains("list-type=")
}

impl Handler for State {
    async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        let (head, body) = request.into_parts();
        let target = head.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
        let body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
        let answer = match self.instead(&head.method, &target) {
            Some(answer) => answer,
            None => {
                let real = self.real(&head.method, &target, head.headers, body).await;
                self.changed(&head.method, &target, real)
            }
        };
        let passed = Passed { method: head.method, target, status: answer.status() };
        locked(&self.passed).push(passed);
        answer
    }
}

impl State {
    /// What the real one answers. It is asked in the very words of the client, which are signed.
    async fn real(
        &self,
        method: &Method,
        target: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> (StatusCode, HeaderMap, Bytes) {
        let url = format!("http://{}{target}", self.gateway);
        let asked = self.client.request(method.clone(), url).headers(headers).body(body).send().await;
        let Ok(answer) = asked else { return (StatusCode::BAD_GATEWAY, HeaderMap::new(), Bytes::new()) };
        let (status, mut headers) = (answer.status(), answer.headers().clone());
        // Those of this connection alone.
        for name in [header::CONNECTION, header::TRANSFER_ENCODING] {
            headers.remove(name);
        }
        (status, headers, answer.bytes().await.unwrap_or_default())
    }

    /// An answer that the real one is not asked for.
    fn instead(&self, method: &Method, target: &str) -> Option<Response<Body>> {
        let mut fault = locked(&self.fault);
        match fault.as_mut()? {
            Fault::Completions { left, are_done: false } if *left > 0 && is_completion(method, target) => {
                *left -= 1;
                Some(error(StatusCode::OK, "InternalError"))
            }
            Fault::Parts if is_late_part(target) => Some(error(StatusCode::FORBIDDEN, "AccessDenied")),
            Fault::Reads if *method == Method::GET && !is_list(method, target) => {
                let mut reads = locked(&self.reads);
                *reads += 1;
                (*reads > 1).then(|| error(StatusCode::FORBIDDEN, "AccessDenied"))
            }
            Fault::Lists if is_list(method, target) => {
                let (status, headers, body) = locked(&self.lists).get(prefix(target))?.clone();
                Some(response(status, headers, serve::full(body)))
            }
            _ => None,
        }
    }

    /// What becomes of the real one's answer.
    fn changed(
        &self,
        method: &Method,
        target: &str,
        (status, mut headers, body): (StatusCode, HeaderMap, Bytes),
    ) -> Response<Body> {
        let is_object = *method == Method::GET && status.is_success() && !is_list(method, target);
        let mut fault = locked(&self.fault);
        match fault.as_mut() {
            Some(Fault::Completions { left, are_done: true })
                if *left > 0 && is_completion(method, target) =>
            {
                *left -= 1;
                return error(StatusCode::OK, "InternalError");
            }
            Some(Fault::Lists) if is_list(method, target) => {
                locked(&self.lists)
                    .insert(prefix(target).to_owned(), (status, headers.clone(), body.clone()));
            }
            Some(Fault::Tags) if headers.contains_key(header::ETAG) => {
                headers
                    .insert(header::ETAG, HeaderValue::from_static("\"0123456789abcdef0123456789abcdef\""));
            }
            Some(Fault::Slow) if is_object => return response(status, headers, slow(&body)),
            Some(Fault::Resets { left }) if *left > 0 && is_object => {
                *left -= 1;
                return response(status, headers, reset(&body));
            }
            _ => {}
        }
        response(status, headers, serve::full(body))
    }
}

/// The parameter that says which list it is; pages of long ones do not occur in tests.
fn prefix(target: &str) -> &str {
    target.split(['?', '&']).find(|part| part.starts_with("prefix=")).unwrap_or_default()
}

fn error(status: StatusCode, code: &str) -> Response<Body> {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>no</Message></Error>"
    );
    response(status, HeaderMap::new(), serve::full(text))
}

fn response(status: StatusCode, headers: HeaderMap, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn slow(body: &Bytes) -> Body {
    let pieces: Vec<_> = body.chunks(512).map(|piece| body.slice_ref(piece)).collect();
    serve::stream(stream::iter(pieces).then(async |piece| {
        sleep(Duration::from_millis(500)).await;
        Ok::<_, BoxError>(piece)
    }))
}

fn reset(body: &Bytes) -> Body {
    let most = body.slice(..body.len() - body.len().div_ceil(100));
    let broken = BoxError::from("the connection breaks here");
    // What comes at once with the end of its connection is not sent any more.
    let breaks = stream::once(async move {
        sleep(Duration::from_millis(200)).await;
        Err(broken)
    });
    serve::stream(stream::iter([Ok(most)]).chain(breaks))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no test panics while it holds this")
}
