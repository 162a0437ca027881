//! The server: everything that happens to a request before and after a resource answers it.
//!
//! In this order: health, readiness (503, never an early 404), authentication, authorization, dispatch; and on every
//! response the audit id. An error is a response, so [`Server::handle`] cannot fail.
mod builder;
mod deadline;
mod health;
mod list;
mod read;
mod routes;
mod verbs;
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
    request::RequestInfo,
    serve::{self, Body, BoxError, CloseConnection, empty},
    status::Status,
};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version,
    header::{CACHE_CONTROL, CONTENT_LENGTH, HeaderName},
    request::Parts,
};
use http_body::Body as _;
use http_body_util::BodyExt;
use routes::Incoming;
use std::sync::Arc;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::debug;

pub use builder::{BuildError, Builder};
pub(crate) use routes::{Described, DescribedSubresource, Kind};
pub use verbs::{ResourceVerbs, SubresourceVerbs};

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
    shutdown: CancellationToken,
    routes: routes::Routes,
}

impl Server {
    /// Starts to describe a server.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Answers one request. Its body is read by the verbs that take one, within bounds.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let (mut parts, body) = request.into_parts();
        let body = body.map_err(Into::into).boxed_unsync();
        let warnings = Warnings::default();
        parts.extensions.insert(warnings.clone());
        let started = Instant::now();
        let audit_id = audit_id(&parts.headers);
        let query = Query::parse(parts.uri.query().unwrap_or_default());
        let answered = self.0.answer(&mut parts, body, &query, &audit_id, started).await;
        let mut response = answered
            .unwrap_or_else(|status| encode::refusal(negotiate::refusal(&parts.headers, &query), &status));
        let user = parts.extensions.get::<UserInfo>().map(|user| user.name.as_str());
        debug!(
            user,
            method = %parts.method,
            path = parts.uri.path(),
            request_id = audit_id,
            status = response.status().as_u16(),
            duration_ms = started.elapsed().as_millis(),
            "answered"
        );
        warnings.write(response.headers_mut());
        finish(&parts, &mut response, &audit_id);
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
        body: Body,
        query: &Query,
        audit_id: &str,
        started: Instant,
    ) -> Result<Response<Body>, Status> {
        if let Some(response) = self.health.answer(parts, query) {
            return Ok(response);
        }
        if !self.health.is_ready() {
            let message = "the request has been made before the server was ready, please try again";
            return Err(Status::unavailable(message, NOT_READY_RETRY));
        }
        let request = RequestInfo::new(&parts.method, parts.uri.path(), query);
        let is_long_running = request.as_ref().is_ok_and(RequestInfo::is_long_running);
        let deadline = started
            + if is_long_running {
                deadline::LONGEST
            } else {
                deadline::allotted(query, request.as_ref().ok())?
            };
        let admitted = async {
            let user = self.authenticator.authenticate(parts).await?;
            parts.extensions.insert(user.clone());
            let request = request.map_err(|_| Status::page_not_found())?;
            self.authorize(&user, &request).await?;
            let call = Call {
                user,
                request,
                method: parts.method.clone(),
                headers: parts.headers.clone(),
                query: query.clone(),
                audit_id: audit_id.to_owned(),
                deadline,
                shutdown: self.shutdown.clone(),
                warnings: parts.extensions.get().cloned().unwrap_or_default(),
            };
            self.dispatch(call, body).await
        };
        let answered = timeout_at(deadline, admitted).await;
        let response = answered.unwrap_or_else(|_| Err(Status::timeout()))?;
        Ok(if is_long_running { response } else { deadline::cut(response, deadline) })
    }

    async fn authorize(&self, user: &UserInfo, request: &RequestInfo) -> Result<(), Status> {
        match self.authorizer.authorize(user, request).await? {
            Decision::Allow => Ok(()),
            Decision::Refuse(reason) => Err(forbidden(user, request, &reason)),
        }
    }

    async fn dispatch(&self, call: Call, body: Body) -> Result<Response<Body>, Status> {
        if !call.request.is_resource {
            return self.routes.document(&call);
        }
        let endpoint = self.routes.endpoint(&call.request)?;
        let incoming = Incoming { body, namespaces: self.namespaces.clone() };
        endpoint(Arc::new(call), incoming).await
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

fn finish(parts: &Parts, response: &mut Response<Body>, audit_id: &str) {
    if let Ok(id) = HeaderValue::from_str(audit_id) {
        response.headers_mut().insert(AUDIT_ID, id);
    }
    let private = HeaderValue::from_static("no-cache, private");
    response.headers_mut().entry(CACHE_CONTROL).or_insert(private);
    let is_stranger = parts.extensions.get::<UserInfo>().is_some_and(|user| user.name == ANONYMOUS);
    let is_refused = response.status() == StatusCode::UNAUTHORIZED;
    // Strangers could otherwise open and reset the streams of one connection without end.
    if parts.version == Version::HTTP_2 && (is_stranger || is_refused) {
        response.extensions_mut().insert(CloseConnection);
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
