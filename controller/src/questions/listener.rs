//! The one listener of a controller: `POST /previews` and `POST /logs`, from the other roles of this installation and nobody else.
//!
//! Whoever asks shows a token that was made for [`AUDIENCE`], which no other server can have been given, and needs the right
//! to that path, as `deploy/roles.yaml` grants it in the namespace of Postern. Nothing of a request is read before both are known.
use super::Refused;
use extension_apiserver::{
    access::{Authenticate, Authorize, Decision, forbidden},
    authn::{Anonymous, Authenticator, Options},
    authz::{self, Authorizer},
    request::RequestInfo,
    serve::{BODY_IDLE_TIMEOUT, Body, Handler, full, read_body, stream},
    status::Status,
};
use http::{HeaderValue, Method, Request, Response, StatusCode, header::CONTENT_TYPE, request::Parts};
use hyper::body::Incoming;
use kube::Client;
use previews::{
    AUDIENCE, LONGEST_QUESTION, PATH, Previewer, Question, RIGHT,
    logs::{self, Keeper, Untold},
};
use serde::{Serialize, de::DeserializeOwned};
use std::sync::Arc;
use tracing::warn;

/// Who may ask.
pub struct Trust {
    authenticator: Box<dyn Authenticate>,
    authorizer: Box<dyn Authorize>,
    namespace: String,
}

impl Trust {
    /// Those who have the right to in this namespace, as kube-apiserver says when it is asked with `reviews`.
    pub fn new(reviews: Client, namespace: &str) -> Self {
        let whom = Options {
            anonymous: Anonymous::Nowhere,
            audiences: vec![AUDIENCE.to_owned()],
            ..Options::default()
        };
        let what = authz::Options {
            allowed_groups: Vec::new(),
            allowed_paths: Vec::new(),
            ..authz::Options::default()
        };
        Self {
            authenticator: Box::new(Authenticator::of_tokens(reviews.clone(), whom)),
            authorizer: Box::new(Authorizer::new(reviews, what)),
            namespace: namespace.to_owned(),
        }
    }

    async fn admit(&self, parts: &mut Parts) -> Result<(), Status> {
        let user = self.authenticator.authenticate(parts).await?;
        let (group, resource) = if parts.uri.path() == logs::PATH { logs::RIGHT } else { RIGHT };
        let wanted = RequestInfo {
            verb: "create".to_owned(),
            is_resource: true,
            group: group.to_owned(),
            resource: resource.to_owned(),
            namespace: self.namespace.clone(),
            ..RequestInfo::default()
        };
        match self.authorizer.authorize(&user, &wanted).await? {
            Decision::Allow => Ok(()),
            Decision::Refuse(why) => {
                warn!(user = user.name, resource, "somebody who may not has asked this controller");
                Err(forbidden(&user, &wanted, &why))
            }
        }
    }
}

/// Answers the other roles.
pub struct Listener {
    /// Who may ask.
    pub trust: Trust,
    /// Who answers what would become of an object.
    pub previewer: Arc<dyn Previewer>,
    /// Who answers what passes did.
    pub keeper: Arc<dyn Keeper>,
    /// Where those who are refused are counted.
    pub refused: Refused,
}

impl Listener {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Body>, Status> {
        let (mut parts, body) = request.into_parts();
        self.trust.admit(&mut parts).await.inspect_err(|status| self.refused.count(status.code()))?;
        if ![PATH, logs::PATH].contains(&parts.uri.path()) {
            return Err(Status::page_not_found());
        }
        if parts.method != Method::POST {
            return Err(Status::method_not_allowed());
        }
        if parts.uri.path() == PATH {
            let question: Question = read(body, LONGEST_QUESTION).await?;
            let said = self.previewer.preview(question).await;
            return Ok(json(StatusCode::OK, &said));
        }
        let lines = self.keeper.lines(read(body, logs::LONGEST_QUESTION).await?).await;
        let mut response = Response::new(stream(lines.map_err(|why| untold(&why))?));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        Ok(response)
    }
}

impl Handler for Listener {
    async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        self.answer(request).await.unwrap_or_else(|status| json(status.code(), &status))
    }
}

async fn read<T: DeserializeOwned>(body: Incoming, longest: usize) -> Result<T, Status> {
    let body = read_body(body, longest, BODY_IDLE_TIMEOUT).await;
    let body = body.map_err(|error| Status::bad_request(error.to_string()))?;
    serde_json::from_slice(&body).map_err(|error| Status::bad_request(error.to_string()))
}

fn json(code: StatusCode, said: &impl Serialize) -> Response<Body> {
    let mut response = Response::new(full(serde_json::to_vec(said).expect("texts and numbers are JSON")));
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// By the code, whoever asks knows whether another replica is worth a try.
fn untold(why: &Untold) -> Status {
    let (code, reason) = match why {
        Untold::Elsewhere => (StatusCode::MISDIRECTED_REQUEST, "MisdirectedRequest"),
        Untold::TooMany => (StatusCode::TOO_MANY_REQUESTS, "TooManyRequests"),
        Untold::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable"),
    };
    Status::new(code, reason, why.to_string())
}

#[cfg(test)]
mod tests;
