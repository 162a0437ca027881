//! The one listener of a controller: `POST /previews`, from the other roles of this installation and nobody else.
//!
//! Whoever asks shows a token that was made for [`AUDIENCE`], which no other server can have been given, and needs the right
//! that `deploy/roles.yaml` grants in the namespace of Postern. Nothing of a request is read before both are known.
use super::Refused;
use extension_apiserver::{
    access::{Authenticate, Authorize, Decision, forbidden},
    authn::{Anonymous, Authenticator, Options},
    authz::{self, Authorizer},
    request::RequestInfo,
    serve::{BODY_IDLE_TIMEOUT, Body, Handler, full, read_body},
    status::Status,
};
use http::{HeaderValue, Method, Request, Response, StatusCode, header::CONTENT_TYPE, request::Parts};
use hyper::body::Incoming;
use kube::Client;
use previews::{AUDIENCE, LONGEST_QUESTION, PATH, Previewer, Question, RIGHT};
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
        let (group, resource) = RIGHT;
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
                warn!(user = user.name, "somebody who may not has asked for a preview");
                Err(forbidden(&user, &wanted, &why))
            }
        }
    }
}

/// Answers the other roles.
pub struct Listener {
    /// Who may ask.
    pub trust: Trust,
    /// Who answers.
    pub previewer: Arc<dyn Previewer>,
    /// Where those who are refused are counted.
    pub refused: Refused,
}

impl Listener {
    async fn answer(&self, request: Request<Incoming>) -> Result<Vec<u8>, Status> {
        let (mut parts, body) = request.into_parts();
        self.trust.admit(&mut parts).await.inspect_err(|status| self.refused.count(status.code()))?;
        if parts.uri.path() != PATH {
            return Err(Status::page_not_found());
        }
        if parts.method != Method::POST {
            return Err(Status::method_not_allowed());
        }
        let body = read_body(body, LONGEST_QUESTION, BODY_IDLE_TIMEOUT).await;
        let body = body.map_err(|error| Status::bad_request(error.to_string()))?;
        let question: Question =
            serde_json::from_slice(&body).map_err(|error| Status::bad_request(error.to_string()))?;
        let said = self.previewer.preview(question).await;
        Ok(serde_json::to_vec(&said).expect("texts and JSON are JSON"))
    }
}

impl Handler for Listener {
    async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        let (code, text) = match self.answer(request).await {
            Ok(text) => (StatusCode::OK, text),
            Err(status) => {
                (status.code(), serde_json::to_vec(&status).expect("a status has texts and numbers only"))
            }
        };
        let mut response = Response::new(full(text));
        *response.status_mut() = code;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}

#[cfg(test)]
mod tests;
