//! What is served besides resources: discovery, OpenAPI, the version, metrics, and `/`, the list of all of these.
use super::{VersionInfo, routes::Described};
use crate::{
    api::Call,
    discovery,
    openapi::{self, OpenApi},
    serve::{Body, full},
    status::Status,
};
use bytes::Bytes;
use http::{HeaderValue, Method, Response, header::CONTENT_TYPE};
use prometheus_client::{encoding::text, registry::Registry};
use serde::Serialize;
use serde_json::json;
use std::{collections::BTreeSet, sync::Arc};

const VERSION: &str = "/version";
const METRICS: &str = "/metrics";

/// All documents, made once; metrics are written when they are asked for.
pub(super) struct Documents {
    discovery: discovery::Documents,
    openapi: OpenApi,
    version: Option<Bytes>,
    index: Bytes,
    registry: Option<Arc<Registry>>,
}

/// What else there is to be listed.
pub(super) struct Paths {
    pub(super) health: BTreeSet<String>,
    pub(super) registry: Option<Arc<Registry>>,
}

impl Documents {
    pub(super) fn new(resources: &[Described], version: Option<&VersionInfo>, others: Paths) -> Self {
        let discovery = discovery::Documents::new(resources);
        let mut paths = others.health;
        paths.extend(discovery.paths());
        paths.extend(openapi::PATHS.map(str::to_owned));
        paths.extend(version.map(|_| VERSION.to_owned()));
        paths.extend(others.registry.as_ref().map(|_| METRICS.to_owned()));
        Self {
            discovery,
            openapi: OpenApi::new(resources),
            version: version.map(indented),
            index: indented(&json!({"paths": paths})),
            registry: others.registry,
        }
    }

    /// The answer to a request that names no resource.
    pub(super) fn answer(&self, call: &Call) -> Result<Response<Body>, Status> {
        let response = self.find(call).ok_or_else(Status::page_not_found)?;
        if !matches!(call.method, Method::GET | Method::HEAD) {
            return Err(Status::method_not_allowed());
        }
        response
    }

    fn find(&self, call: &Call) -> Option<Result<Response<Body>, Status>> {
        let path = call.request.path.as_str();
        match path {
            "/" | "/index.html" => return Some(Ok(raw(&self.index))),
            METRICS => return self.registry.as_deref().map(metrics),
            VERSION | "/version/" => return self.version.as_ref().map(|version| Ok(raw(version))),
            _ => {}
        }
        match path.strip_prefix("/openapi/") {
            Some(path) => self.openapi.answer(path, call),
            None => self.discovery.answer(path.trim_matches('/'), call),
        }
    }
}

/// Go writes these two for people, whatever they accept.
fn indented<V: Serialize>(document: &V) -> Bytes {
    serde_json::to_vec_pretty(document).expect("structures of strings are JSON").into()
}

fn raw(json: &Bytes) -> Response<Body> {
    typed(full(json.clone()), "application/json")
}

fn metrics(registry: &Registry) -> Result<Response<Body>, Status> {
    let mut written = String::new();
    text::encode(&mut written, registry).map_err(|_| Status::internal("failed to write the metrics"))?;
    Ok(typed(full(written), "application/openmetrics-text; version=1.0.0; charset=utf-8"))
}

fn typed(body: Body, media_type: &'static str) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}
