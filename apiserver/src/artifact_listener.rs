//! The plain HTTP listener that Flux fetches from: content addressed, read only, without listing.
//!
//! 404 for whatever is not there, and 503 only when the store cannot be read: on 503 kustomize-controller holds a worker
//! for minutes and misses newer revisions meanwhile.
use crate::{download, shelf::Shelf};
use artifacts::{BlobKey, Chain, StoreError};
use extension_apiserver::serve::{self, Body, Handler};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use tracing::warn;

/// Serves the blobs of a store at their paths. [`crate::Apiserver::artifact_listener`] makes one.
pub struct ArtifactListener {
    pub(crate) shelf: Shelf,
}

impl Handler for ArtifactListener {
    async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = status(StatusCode::METHOD_NOT_ALLOWED);
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        // Only the canonical spelling of a path names a blob, so nothing is decoded and nothing can climb.
        let Some(key) = request.uri().path().strip_prefix('/').and_then(|path| path.parse::<BlobKey>().ok())
        else {
            return status(StatusCode::NOT_FOUND);
        };
        let cache_control = HeaderValue::from_static("public, max-age=31536000, immutable");
        let asked = (request.method(), request.headers());
        match download::blob(&self.shelf, &key, asked, cache_control).await {
            Ok(Some(response)) => response,
            Ok(None) | Err(StoreError::Corrupt { .. }) => status(StatusCode::NOT_FOUND),
            Err(error) => {
                warn!(error = %Chain(&error), "failed to read the store");
                status(StatusCode::SERVICE_UNAVAILABLE)
            }
        }
    }
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(serve::empty());
    *response.status_mut() = status;
    response
}
