//! The server: everything that happens to a request before and after a resource answers it.
//!
//! In this order: health, readiness (503, never an early 404), authentication, its turn among the requests that run,
//! authorization, dispatch; and on every response the audit id. What became of the request is told to metrics and audit.
//! An error is a response, so [`Server::handle`] cannot fail.
mod builder;
mod connect;
mod deadline;
mod delegating;
mod documents;
mod fairness;
mod goaway;
mod health;
mod lifecycle;
pub(crate) mod list;
mod read;
mod record;
mod routes;
mod trace;
mod verbs;
mod version;
mod watch;
mod write;

use crate::{
    access::{Authenticate, Authorize, Decision, UserInfo, forbidden},
    api::{Call, Warnings},
    authn::ANONYMOUS,
    encode,
    namespaces::Namespaces,
    negotiate,
    query::Query,
    request::{OddPath, RequestInfo},
    serve::{self, Body, BoxError, CloseConnection, Upgrade, empty, kept},
    status::Status,
};
use bytes::Bytes;
use fairness::{Fairness, is_read, too_many};
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version,
    header::{CACHE_CONTROL, CONTENT_LENGTH, HeaderName},
    request::Parts,
};
use http_body::Body as _;
use record::{Observers, Record};
use routes::Incoming;
use std::sync::Arc;
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument, Span, debug};

pub use builder::{BuildError, Builder};
pub use fairness::MaxInFlight;
pub use lifecycle::{Lifecycle, LifecycleOptions};
pub(crate) use routes::{Described, DescribedSubresource, Kind};
pub use verbs::{ResourceVerbs, SubresourceVerbs};
pub use version::VersionInfo;

/// Seconds after which a client that came before this server was ready is asked to come back.
const NOT_READY_RETRY: u32 = 1;

const AUDIT_ID: HeaderName = HeaderName::from_static("audit-id");

/// An extension API server. Cheap to clone; clones are the same server.
#[derive(Clone)]
pub struct Server(Arc<Inner>);

struct Inner {
    authenticator: Box<dyn Authenticate>,
    authorizer: Box<dyn Authorize>,
    health: health::Health,
    namespaces: Option<Arc<dyn Namespaces>>,
    lifecycle: Lifecycle,
    fairness: Fairness,
    goaway: goaway::Chance,
    observers: Arc<Observers>,
    documents: documents::Documents,
    routes: routes::Routes,
}

/// What is known of a request before anybody is asked.
struct Arrival {
    started: Instant,
    audit_id: String,
    query: Query,
    /// Until the endpoint has it.
    request: Result<RequestInfo, OddPath>,
    /// Until the endpoint has it.
    body: Body,
    /// Until the endpoint has it.
    upgrade: Option<Upgrade>,
    warnings: Warnings,
    /// Of the trace that the request belongs to, once it is known whose request it is.
    span: Span,
}

impl Arrival {
    fn new(parts: &Parts, body: Body, upgrade: Option<Upgrade>) -> Self {
        let query = Query::parse(parts.uri.query().unwrap_or_default());
        let request = RequestInfo::new(&parts.method, parts.uri.path(), &query);
        let audit_id = audit_id(&parts.headers);
        let warnings = Warnings::default();
        let span = Span::none();
        Self { started: Instant::now(), audit_id, query, request, body, upgrade, warnings, span }
    }
}

impl Server {
    /// Starts to describe a server.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Answers one request. Its body is read by the verbs that take one, within bounds.
    ///
    /// A connection that is taken over goes on in [`serve::serve`], which alone knows how.
    pub async fn handle<B>(&self, mut request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let upgrade = Upgrade::offered(&mut request);
        let (mut parts, body) = request.into_parts();
        let mut arrival = Arrival::new(&parts, kept(body, parts.version), upgrade);
        parts.extensions.insert(arrival.warnings.clone());
        let mut record = Record::new(&self.0.observers, arrival.started);
        let answered = self.0.answer(&mut parts, &mut arrival, &mut record).await;
        let reason = answered.as_ref().err().map_or("", Status::reason);
        let mut response = answered.unwrap_or_else(|status| {
            encode::refusal(negotiate::refusal(&parts.headers, &arrival.query), &status)
        });
        let user = parts.extensions.get::<UserInfo>().map(|user| user.name.as_str());
        debug!(
            parent: &arrival.span,
            user,
            method = %parts.method,
            path = parts.uri.path(),
            request_id = arrival.audit_id,
            status = response.status().as_u16(),
            duration_ms = arrival.started.elapsed().as_millis(),
            "answered"
        );
        arrival.warnings.write(response.headers_mut());
        self.0.finish(&parts, &mut response, &arrival.audit_id);
        let response = record.answered(response, reason);
        if parts.method == Method::HEAD { without_body(response) } else { response }
    }
}

impl serve::Handler for Server {
    async fn handle(&self, request: Request<hyper::body::Incoming>) -> Response<Body> {
        Server::handle(self, request).await
    }
}

impl Inner {
    async fn answer(
        &self,
        parts: &mut Parts,
        arrival: &mut Arrival,
        record: &mut Record,
    ) -> Result<Response<Body>, Status> {
        if let Some(response) = self.health.answer(parts, &arrival.query) {
            return Ok(response);
        }
        let request = arrival.request.as_ref().ok();
        let place = request.map_or_else(Default::default, |request| self.routes.place(request));
        record.arrived(parts, &arrival.audit_id, request, place);
        if !self.health.is_ready() && !self.health.is_check(parts.uri.path()) {
            let message = "the request has been made before the server was ready, please try again";
            return Err(Status::unavailable(message, NOT_READY_RETRY));
        }
        let is_long_running = request.is_some_and(RequestInfo::is_long_running);
        let allotted =
            if is_long_running { deadline::LONGEST } else { deadline::allotted(&arrival.query, request)? };
        let deadline = arrival.started + allotted;
        let answered = timeout_at(deadline, self.admit(parts, arrival, deadline, record)).await;
        let response = answered.unwrap_or_else(|_| {
            record.terminated(StatusCode::GATEWAY_TIMEOUT);
            Err(Status::timeout())
        })?;
        Ok(if is_long_running { response } else { deadline::cut(response, deadline) })
    }

    /// Finds out who asks, and lets the request run when it is its turn.
    async fn admit(
        &self,
        parts: &mut Parts,
        arrival: &mut Arrival,
        deadline: Instant,
        record: &mut Record,
    ) -> Result<Response<Body>, Status> {
        let claimant = self.fairness.claimant(parts);
        let identify = self.authenticator.authenticate(parts);
        let identified = self.fairness.on_arrival(claimant, identify).await;
        record.authenticated(identified.as_ref().ok().map(|(user, _)| user));
        let (user, turns) = identified?;
        parts.extensions.insert(user.clone());
        let request = std::mem::replace(&mut arrival.request, Err(OddPath));
        let request = request.map_err(|_| Status::page_not_found())?;
        let Ok(admission) = self.fairness.admit(&user, &request).await else {
            record.terminated(StatusCode::TOO_MANY_REQUESTS);
            return Ok(too_many());
        };
        record.admitted(admission, is_read(&request));
        arrival.span = trace::span(&parts.headers, &user, &arrival.audit_id);
        let call = self.call(user.clone(), parts, arrival, request, deadline);
        let body = std::mem::replace(&mut arrival.body, empty());
        let incoming = Incoming {
            body,
            upgrade: arrival.upgrade.take(),
            namespaces: self.namespaces.clone(),
            large_bodies: self.fairness.large_bodies(),
        };
        let run = self.run(call, incoming, record).instrument(arrival.span.clone());
        self.fairness.in_turn(&turns, run).await
    }

    fn call(
        &self,
        user: UserInfo,
        parts: &Parts,
        arrival: &Arrival,
        request: RequestInfo,
        deadline: Instant,
    ) -> Call {
        let shutdown = match request.is_long_running() || arrival.upgrade.is_some() {
            true => self.lifecycle.end_of_watch(),
            false => self.lifecycle.draining().clone(),
        };
        Call {
            user,
            request,
            method: parts.method.clone(),
            headers: parts.headers.clone(),
            query: arrival.query.clone(),
            audit_id: arrival.audit_id.clone(),
            deadline,
            shutdown,
            warnings: arrival.warnings.clone(),
        }
    }

    async fn run(
        &self,
        call: Call,
        incoming: Incoming,
        record: &mut Record,
    ) -> Result<Response<Body>, Status> {
        self.authorize(&call.user, &call.request, record).await?;
        if call.request.is_resource {
            let found = self.routes.endpoint(&call.request)?;
            if found.connects
                && incoming.upgrade.is_some()
                && let Some(also) = connect::right_to_take_over(&call.request)
            {
                self.authorize(&call.user, &also, record).await?;
            }
            if let Some(warning) = found.deprecation {
                call.warnings.add(warning);
            }
            return (found.answer)(Arc::new(call), incoming).await;
        }
        match self.health.answer_check(&call.request.path) {
            Some(response) => Ok(response),
            None => self.documents.answer(&call),
        }
    }

    async fn authorize(
        &self,
        user: &UserInfo,
        request: &RequestInfo,
        record: &mut Record,
    ) -> Result<(), Status> {
        match self.authorizer.authorize(user, request).await {
            Ok(Decision::Allow) => {
                record.authorized("allowed", "allow", "");
                Ok(())
            }
            Ok(Decision::Refuse(reason)) => {
                record.authorized("no-opinion", "forbid", &reason);
                Err(forbidden(user, request, &reason))
            }
            Err(status) => {
                record.authorized("error", "forbid", "internal error");
                Err(status)
            }
        }
    }

    /// What every response has.
    fn finish(&self, parts: &Parts, response: &mut Response<Body>, audit_id: &str) {
        if let Ok(id) = HeaderValue::from_str(audit_id) {
            response.headers_mut().insert(AUDIT_ID, id);
        }
        let private = HeaderValue::from_static("no-cache, private");
        response.headers_mut().entry(CACHE_CONTROL).or_insert(private);
        let is_stranger = parts.extensions.get::<UserInfo>().is_some_and(|user| user.name == ANONYMOUS);
        let is_refused = response.status() == StatusCode::UNAUTHORIZED;
        // Strangers could otherwise open and reset the streams of one connection without end.
        let closes = is_stranger || is_refused || self.goaway.strikes();
        if parts.version == Version::HTTP_2 && closes {
            response.extensions_mut().insert(CloseConnection);
        }
    }
}

/// The id that kube-apiserver gave this request, so that both audit logs can be joined, or a new one.
fn audit_id(headers: &HeaderMap) -> String {
    const LONGEST: usize = 64;
    let given = headers.get(AUDIT_ID).and_then(|value| value.to_str().ok());
    match given.filter(|id| !id.is_empty() && id.len() <= LONGEST) {
        Some(id) => id.to_owned(),
        None => uuid::Uuid::new_v4().to_string(),
    }
}

/// The answer to `HEAD`: as for `GET`, with the length and without the bytes.
fn without_body(response: Response<Body>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    if let Some(length) = body.size_hint().exact() {
        parts.headers.entry(CONTENT_LENGTH).or_insert(HeaderValue::from(length));
    }
    Response::from_parts(parts, empty())
}

#[cfg(test)]
mod tests;
