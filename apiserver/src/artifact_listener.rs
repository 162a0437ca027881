//! The plain HTTP listener that Flux fetches from: content addressed, read only, without listing.
//!
//! 404 for whatever is not there, and 503 only when the store cannot be read: on 503 kustomize-controller holds a worker
//! for minutes and misses newer revisions meanwhile.
mod metrics;

use crate::{download, shelf::Shelf};
use artifacts::{BlobKey, StoreError};
use extension_apiserver::serve::{self, Body, Handler};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use metrics::Metrics;
use prometheus_client::registry::Registry;
use telemetry::Chain;
use tracing::warn;

/// Serves the blobs of a store at their paths. [`crate::Apiserver::artifact_listener`] makes one.
pub struct ArtifactListener {
    shelf: Shelf,
    metrics: Metrics,
}

impl ArtifactListener {
    pub(crate) fn new(shelf: Shelf) -> Self {
        Self { shelf, metrics: Metrics::default() }
    }

    /// Counts below `registry`, which gives the prefix.
    pub fn register(&self, registry: &mut Registry) {
        self.metrics.register(registry);
        self.shelf.register(registry);
    }
}

impl Handler for ArtifactListener {
    async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        self.metrics.count(self.answer(request.method(), request.uri().path(), request.headers()).await)
    }
}

impl ArtifactListener {
    async fn answer(&self, method: &Method, path: &str, headers: &HeaderMap) -> Response<Body> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            let mut response = status(StatusCode::METHOD_NOT_ALLOWED);
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        // Only the canonical spelling of a path names a blob, so nothing is decoded and nothing can climb.
        let Some(key) = path.strip_prefix('/').and_then(|path| path.parse::<BlobKey>().ok()) else {
            return status(StatusCode::NOT_FOUND);
        };
        let cache_control = HeaderValue::from_static("public, max-age=31536000, immutable");
        match download::blob(&self.shelf, &key, (method, headers), cache_control).await {
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
