//! One answer from a source: through the guard, along redirects, judged, its body still to be read.
//!
//! Start with [`Fetcher::fetch`]. What can be decided without a socket lies in files of its own: [`redirect`] (where
//! the next request goes and what it carries), [`answer`] (does it carry data), [`pause`] (how long to stay away),
//! [`failure`] (what an error means). [`resolver`] is the guard, [`client`] all that needs it, [`body`] the stream.
mod answer;
mod body;
mod client;
pub(crate) mod failure;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod gate;
mod origin;
pub(crate) mod pause;
mod pieces;
mod redirect;
pub(crate) mod resolver;

pub(crate) use answer::media_type;
pub(crate) use body::{Body, Bounds, Head, Incoming, Received};
pub(crate) use gate::Gate;
pub(crate) use origin::without_secrets;
pub use origin::{Origin, SignedBy};
pub(crate) use pieces::Pieces;

use crate::{
    Error,
    egress::EgressPolicy,
    generators::{Ask, HttpRequest},
    plan::Proxy,
    trace::{Event, tell},
};
use answer::Answer;
use client::Clients;
pub(crate) use client::Way;
use crds::allowed_hosts::NamespaceHosts;
use futures::{StreamExt, TryStreamExt};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use jiff::Timestamp;
use redirect::Hop;
use reqwest::{Client, Request, Response};
use std::{mem, sync::Arc, time::Duration};
use tokio::time::{Instant, timeout_at};
use tracing::debug;

/// What makes a request conditional: remembered from the last answer that carried data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    /// Its `ETag`, as the server wrote it.
    pub etag: Option<String>,
    /// Its `Last-Modified`, as the server wrote it.
    pub last_modified: Option<String>,
}

/// Fetches for one namespace. Holds the connections that sources share; clones share them too.
#[derive(Clone)]
pub(crate) struct Fetcher {
    gate: Gate,
    clients: Arc<Clients>,
    largest_body: u64,
}

/// What a source answered.
#[expect(clippy::large_enum_variant, reason = "there is one a pass, and it is taken apart at once")]
pub(crate) enum Reply {
    /// The bytes that were stored are still the newest. They are recognized by `validators` from now on, if those are others.
    NotModified { pause: Option<Duration>, validators: Option<Validators> },
    /// An answer that carries data.
    Data(Head, Body),
}

impl Fetcher {
    pub(crate) fn new(policy: EgressPolicy, largest_body: u64) -> Result<Self, Error> {
        let policy = Arc::new(policy);
        let clients = Arc::new(Clients::new(Arc::clone(&policy))?);
        Ok(Self { gate: Gate { policy, hosts: None }, clients, largest_body })
    }

    /// The same, connections included, for who may reach these hosts alone.
    pub(crate) fn confined(&self, hosts: Option<NamespaceHosts>) -> Self {
        let gate = Gate { policy: Arc::clone(&self.gate.policy), hosts };
        Self { gate, clients: Arc::clone(&self.clients), largest_body: self.largest_body }
    }

    /// The bounds of a pass that begins now: `spec.timeout` counts from here to the last byte of the body.
    pub(crate) fn bounds(&self, timeout: Duration) -> Bounds {
        Bounds { deadline: Instant::now() + timeout, timeout, largest: self.largest_body }
    }

    /// What may be requested. Whoever sends a request asks first.
    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// A client that connects to nothing that the policy closes.
    pub(crate) async fn client(&self, way: Way<'_>) -> Result<Client, Error> {
        self.clients.client(way).await
    }

    /// Sends the request, and those that redirects ask for.
    pub(crate) async fn fetch(&self, plan: &HttpRequest, ask: Ask<'_>) -> Result<Reply, Error> {
        let home = self.client(plan.way(true)).await?;
        let conditions = ask.validators.map(conditions).unwrap_or_default();
        let bounds = ask.bounds;
        let pass = Pass { gate: &self.gate, clients: &self.clients, plan, home, conditions, bounds };
        pass.run().await
    }
}

/// One fetch: its requests differ only in where they go.
struct Pass<'a> {
    gate: &'a Gate,
    clients: &'a Clients,
    plan: &'a HttpRequest,
    /// For the origin of the spec, which may know who asks.
    home: Client,
    conditions: HeaderMap,
    bounds: Bounds,
}

impl Pass<'_> {
    async fn run(&self) -> Result<Reply, Error> {
        let mut hop = Hop::first(self.plan);
        loop {
            let sent = Instant::now();
            let response = self.send(&hop).await?;
            let status = response.status();
            debug!(host = hop.host(), status = status.as_u16(), "source answered");
            let location = self.redirected(&response);
            tell(|| Event::Answered { status, took: sent.elapsed(), redirects: location.is_some() });
            let Some(location) = location else {
                return self.judge(&hop, response);
            };
            let host = hop.host();
            hop = hop
                .follow(status, location.as_bytes())
                .map_err(|problem| Error::RedirectRefused { host, problem })?;
        }
    }

    async fn send(&self, hop: &Hop) -> Result<Response, Error> {
        let host = hop.host();
        let guard = |url, host: &str| self.gate.check(url).map_err(|closed| closed.at(host));
        guard(&hop.url, &host)?;
        let proxy = self.plan.proxy.as_ref();
        if let Some(proxy) = proxy {
            guard(&proxy.url, &proxy.host())?;
        }
        let Bounds { deadline, timeout, .. } = self.bounds;
        let client = self.client(hop).await?;
        let conditional = self.is_conditional(hop);
        tell(|| Event::Asked { method: &hop.method, url: &hop.url, conditional });
        match timeout_at(deadline, client.execute(self.request(hop))).await {
            Err(_) => Err(Error::TimedOut { host, timeout }),
            Ok(Err(error)) => Err(failure::of_request(error, host, self.plan.way(hop.at_home))),
            Ok(Ok(answer)) => refused_by(proxy, &answer).map_or(Ok(answer), Err),
        }
    }

    /// Only the origin of the spec may see a certificate. Another client is made where that makes a difference, and not before.
    async fn client(&self, hop: &Hop) -> Result<Client, Error> {
        let home_would_tell = !hop.at_home && self.plan.certificate.is_some();
        if home_would_tell { self.clients.client(self.plan.way(false)).await } else { Ok(self.home.clone()) }
    }

    fn request(&self, hop: &Hop) -> Request {
        let mut request = Request::new(hop.method.clone(), hop.url.clone());
        let headers = request.headers_mut();
        headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        // The bytes are wanted as they are: digests, lengths and limits are about those.
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.extend(hop.headers.clone());
        if may_be_conditional(hop) {
            headers.extend(self.conditions.clone());
        }
        *request.body_mut() = hop.body.clone().map(|body| body.bytes.into());
        request
    }

    /// Whether the answer may be that nothing has changed.
    fn is_conditional(&self, hop: &Hop) -> bool {
        may_be_conditional(hop) && !self.conditions.is_empty()
    }

    /// Where the answer sends us, if we go along. A code that the spec lists as data is data.
    fn redirected<'r>(&self, response: &'r Response) -> Option<&'r HeaderValue> {
        let status = response.status();
        let listed = self.plan.expected.statuses.as_deref().unwrap_or_default();
        if !self.plan.follow_redirects || listed.contains(&status.as_u16()) || !redirect::is_redirect(status)
        {
            return None;
        }
        response.headers().get(header::LOCATION)
    }

    fn judge(&self, hop: &Hop, mut response: Response) -> Result<Reply, Error> {
        let (now, host) = (Timestamp::now(), hop.host());
        let pause = pause::asked(response.headers(), now).duration;
        if self.is_conditional(hop) && response.status() == StatusCode::NOT_MODIFIED {
            return Ok(Reply::NotModified { pause, validators: None });
        }
        let answer = Answer { host: &host, status: response.status(), headers: response.headers() };
        answer.check(&self.plan.expected, now)?;
        let mut head = Head {
            status: response.status(),
            headers: HeaderMap::new(),
            content_type: answer.content_type(),
            validators: answer.validators(),
            pause,
            length: response.content_length(),
            origin: Origin::new(self.plan, (&hop.method, &hop.url), answer.validators(), &response),
        };
        // Moved and not copied: most passes have nobody who looks at them.
        mem::swap(&mut head.headers, response.headers_mut());
        let body = Body::new(incoming(host, response), self.bounds, self.plan.expected.sha256)?;
        Ok(Reply::Data(head, body))
    }
}

/// Only a proxy answers 407, and over https it ends the connection with it.
fn refused_by(proxy: Option<&Proxy>, answer: &Response) -> Option<Error> {
    let proxy = proxy.filter(|_| answer.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED)?;
    Some(Error::ProxyRefused { proxy: proxy.host(), secret: proxy.secret.clone() })
}

fn incoming(host: String, response: Response) -> Incoming {
    let (length, from) = (response.content_length(), host.clone());
    let pieces = response.bytes_stream().map_err(move |error| failure::of_body(error, from.clone()));
    Incoming { host, length, pieces: pieces.boxed() }
}

/// Only these methods know 304; for others a condition that fails is an error.
fn may_be_conditional(hop: &Hop) -> bool {
    matches!(hop.method, Method::GET | Method::HEAD)
}

/// `If-Modified-Since` only where there is no ETag: servers that know both may otherwise answer by the worse.
fn conditions(validators: &Validators) -> HeaderMap {
    let (name, validator) = match validators {
        Validators { etag: Some(etag), .. } => (header::IF_NONE_MATCH, etag),
        Validators { last_modified: Some(time), .. } => (header::IF_MODIFIED_SINCE, time),
        _ => return HeaderMap::new(),
    };
    HeaderValue::from_str(validator).map(|value| [(name, value)].into_iter().collect()).unwrap_or_default()
}
