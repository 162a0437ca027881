//! What is asked, by whom, and whether it may be.
use crate::{metrics::Metrics, orphans, plain, run::Limits, stream};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use bytes::Bytes;
use hooks::{
    Command, Whitelist,
    protocol::{EXECUTE, Malformed, Request as Asked, STREAM},
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::body::Incoming;
use installation::Live;
use prometheus_client::{encoding::text::encode, registry::Registry};
use std::{convert::Infallible, io, path::PathBuf, sync::Arc, time::Duration};
use telemetry::metrics::Running;
use tokio::{
    fs,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, interval},
};
use tracing::{debug, warn};

/// How often what commands left behind is looked for, besides at the end of each.
const TIDYING: Duration = Duration::from_secs(1);

/// The body of an answer.
pub(crate) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// What an executor must be given.
pub struct Options {
    /// Which commands may run.
    pub whitelist: Live<Whitelist>,
    /// What none of them may exceed.
    pub limits: Limits,
    /// How many may run at once.
    pub concurrency: usize,
    /// Holds the token that clients must show; `None`: whoever reaches the socket may ask.
    pub token: Option<PathBuf>,
}

/// Answers requests to run commands.
pub struct Executor {
    options: Options,
    turns: Arc<Semaphore>,
    metrics: Metrics,
    registry: Registry,
}

/// The right to run one command, until it is dropped.
pub(crate) struct Turn {
    pub(crate) limits: Limits,
    metrics: Metrics,
    began: Instant,
    _running: Running,
    _turn: OwnedSemaphorePermit,
}

impl Executor {
    /// An executor that counts in `registry`, which it shows at `/metrics`. From now on this process is the parent of
    /// whatever its commands leave behind.
    ///
    /// # Errors
    /// The kernel does not let it be.
    pub fn new(options: Options, mut registry: Registry) -> io::Result<Self> {
        orphans::adopt()?;
        let metrics = Metrics::register(telemetry::metrics::postern(&mut registry));
        Ok(Self { turns: Arc::new(Semaphore::new(options.concurrency)), options, metrics, registry })
    }

    /// Ends what commands leave behind. Runs until it is dropped.
    pub async fn tidy(&self) {
        let mut ticks = interval(TIDYING);
        loop {
            ticks.tick().await;
            orphans::end();
        }
    }

    /// Ends every command that runs.
    pub fn stop(&self) {
        orphans::end_running();
    }

    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let (path, is_known) = (request.uri().path(), self.knows(request.headers()).await);
        match (path, request.method()) {
            ("/health", &Method::GET) => json(r#"{"status":"healthy"}"#),
            (EXECUTE | "/metrics", _) if !is_known => {
                refuse(StatusCode::UNAUTHORIZED, "the token is missing or wrong")
            }
            ("/metrics", &Method::GET) => self.shown(),
            (EXECUTE, &Method::POST) => self.execute(request).await.unwrap_or_else(|refusal| *refusal),
            (EXECUTE, _) => allowing("POST"),
            ("/health" | "/metrics", _) => allowing("GET"),
            _ => refuse(StatusCode::NOT_FOUND, "there is /execute, /health and /metrics"),
        }
    }

    /// The token is read each time: it is a small file, and may be replaced.
    async fn knows(&self, headers: &HeaderMap) -> bool {
        let Some(path) = &self.options.token else { return true };
        let wanted = match fs::read_to_string(path).await {
            Ok(token) if !token.trim().is_empty() => format!("Bearer {}", token.trim()),
            Ok(_) => return false,
            Err(error) => {
                warn!(%error, path = %path.display(), "the token cannot be read, so nobody is let in");
                return false;
            }
        };
        let shown = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
        verify_slices_are_equal(shown, wanted.as_bytes()).is_ok()
    }

    async fn execute(&self, request: Request<Incoming>) -> Result<Response<Body>, Box<Response<Body>>> {
        let streams = request.headers().get(header::CONTENT_TYPE).is_some_and(|given| given == STREAM);
        if streams {
            let asked = stream::asked(request.headers()).map_err(malformed)?;
            let (command, turn) = self.admit(asked)?;
            return Ok(stream::respond(command, request.into_body(), turn));
        }
        let (asked, stdin) = plain::asked(request.into_body()).await?;
        let (command, turn) = self.admit(asked)?;
        Ok(plain::respond(&command, stdin, turn).await)
    }

    fn admit(&self, asked: Asked) -> Result<(Command, Turn), Box<Response<Body>>> {
        let command = asked.into_command().map_err(malformed)?;
        let verdict = self.options.whitelist.now().check(&command.program, &command.args, command.env.keys());
        if let Err(denied) = verdict {
            self.metrics.denied();
            debug!(program = command.program, reason = %denied, "denied");
            return Err(Box::new(refuse(StatusCode::FORBIDDEN, &denied.to_string())));
        }
        if command.env.values().any(|value| value.contains('\0')) {
            return Err(Box::new(refuse(StatusCode::BAD_REQUEST, "env must not contain NUL")));
        }
        let Ok(turn) = Arc::clone(&self.turns).try_acquire_owned() else {
            return Err(Box::new(refuse(StatusCode::SERVICE_UNAVAILABLE, "as many commands run as may")));
        };
        let turn = Turn {
            limits: self.options.limits,
            metrics: self.metrics.clone(),
            began: Instant::now(),
            _running: self.metrics.begin(),
            _turn: turn,
        };
        Ok((command, turn))
    }

    fn shown(&self) -> Response<Body> {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("a String takes everything");
        let mut response = Response::new(full(text));
        let openmetrics =
            HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, openmetrics);
        response
    }
}

impl Turn {
    /// The command has ended so.
    pub(crate) fn end(self, ended: hooks::protocol::Ended) {
        self.metrics.ended(ended, self.began.elapsed());
    }
}

pub(crate) fn full(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).boxed_unsync()
}

pub(crate) fn json(text: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(full(text));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

pub(crate) fn refuse(status: StatusCode, why: &str) -> Response<Body> {
    let mut response = Response::new(full(format!("{why}\n")));
    *response.status_mut() = status;
    response
}

pub(crate) fn malformed(why: Malformed) -> Box<Response<Body>> {
    Box::new(refuse(StatusCode::BAD_REQUEST, &why.to_string()))
}

fn allowing(method: &'static str) -> Response<Body> {
    let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, &format!("use {method}"));
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(method));
    response
}
