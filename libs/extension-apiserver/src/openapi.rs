//! OpenAPI v3: what `kubectl explain` reads. An index at `/openapi/v3`, and one document a group and version.
//!
//! kube-apiserver believes for as long as it lives that a server whose index once answered 404 has no OpenAPI v3, and
//! turns redirects into 502. So the index is there from the first request on, and a stale hash gets the current
//! document, only without leave to keep it.
mod paths;
mod schemas;

use crate::{
    api::Call,
    discovery::etag,
    encode::{self, not_modified},
    negotiate::{self, Syntax},
    serve::Body,
    server::Described,
    status::Status,
};
use bytes::Bytes;
use http::{
    HeaderValue, Response,
    header::{CACHE_CONTROL, ETAG, EXPIRES, IF_NONE_MATCH, VARY},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(crate) use schemas::{schema_of, structural};

/// The index and all documents.
pub(crate) struct OpenApi {
    index: Value,
    /// By path behind `/openapi/v3/`.
    documents: BTreeMap<String, Document>,
}

struct Document {
    json: Bytes,
    etag: HeaderValue,
}

impl OpenApi {
    pub(crate) fn new(resources: &[Described]) -> Self {
        let mut by_version: BTreeMap<String, Vec<&Described>> = BTreeMap::new();
        for resource in resources {
            let path = format!("apis/{}/{}", resource.kind.group, resource.kind.version);
            by_version.entry(path).or_default().push(resource);
        }
        let documents: BTreeMap<String, Document> =
            by_version.into_iter().map(|(path, resources)| (path, Document::new(&resources))).collect();
        let entries: serde_json::Map<String, Value> =
            documents.iter().map(|(path, document)| (path.clone(), document.entry(path))).collect();
        Self { index: json!({"paths": entries}), documents }
    }

    /// The document at a path behind `/openapi/v3/`; `None` if there is none.
    pub(crate) fn answer(&self, path: &str, call: &Call) -> Option<Result<Response<Body>, Status>> {
        if path.is_empty() {
            return Some(negotiate::json(&call.headers).and_then(|()| written(&self.index, call)));
        }
        let document = self.documents.get(path)?;
        Some(negotiate::json(&call.headers).map(|()| document.answer(call)))
    }
}

impl Document {
    fn new(resources: &[&Described]) -> Self {
        let document = json!({
            "openapi": "3.0.0",
            "info": {"title": "Kubernetes", "version": "unversioned"},
            "paths": paths::paths(resources),
            "components": {"schemas": schemas::components(resources)},
        });
        let json = serde_json::to_vec(&document).unwrap_or_default();
        Self { etag: etag(&document), json: json.into() }
    }

    fn hash(&self) -> &str {
        self.etag.to_str().unwrap_or_default().trim_matches('"')
    }

    fn entry(&self, path: &str) -> Value {
        json!({"serverRelativeURL": format!("/openapi/v3/{path}?hash={}", self.hash())})
    }

    fn answer(&self, call: &Call) -> Response<Body> {
        let is_known = call.headers.get(IF_NONE_MATCH) == Some(&self.etag);
        let takes_gzip = negotiate::takes_gzip(&call.headers);
        let mut response = match is_known {
            true => not_modified(),
            false => encode::response(Syntax::Json, self.json.to_vec(), takes_gzip),
        };
        let headers = response.headers_mut();
        headers.insert(ETAG, self.etag.clone());
        headers.append(VARY, HeaderValue::from_static("Accept"));
        if call.query.get("hash") == Some(self.hash()) {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, immutable"));
            headers.insert(EXPIRES, in_a_year());
        }
        response
    }
}

fn written(document: &Value, call: &Call) -> Result<Response<Body>, Status> {
    let bytes = encode::write(Syntax::Json, document)?;
    Ok(encode::response(Syntax::Json, bytes, negotiate::takes_gzip(&call.headers)))
}

fn in_a_year() -> HeaderValue {
    let moment = Timestamp::now() + SignedDuration::from_hours(365 * 24);
    let text = moment.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    HeaderValue::from_str(&text).expect("an HTTP date is ASCII")
}

#[cfg(test)]
mod tests;
