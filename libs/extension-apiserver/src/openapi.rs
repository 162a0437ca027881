//! OpenAPI: what `kubectl explain` and client-side validation read.
//!
//! v3 is an index at `/openapi/v3` and one document a group and version; v2 is everything in one document at
//! `/openapi/v2`, made from those. kube-apiserver believes for as long as it lives that a server whose index once
//! answered 404 has no OpenAPI v3, and turns redirects into 502. So the index is there from the first request on, and a
//! stale hash gets the current document, only without leave to keep it.
mod document;
mod paths;
mod schemas;
mod v2;
mod writes;

use crate::{
    api::Call,
    encode,
    negotiate::{self, Syntax},
    serve::Body,
    server::Described,
    status::Status,
};
use document::Document;
use http::{
    HeaderValue, Response,
    header::{CACHE_CONTROL, EXPIRES},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(crate) use schemas::{schema_of, structural};

/// The paths of these documents, as `/` lists them.
pub(crate) const PATHS: [&str; 3] = ["/openapi/v2", "/openapi/v3", "/openapi/v3/"];

/// The index and all documents.
pub(crate) struct OpenApi {
    index: Value,
    /// By path behind `/openapi/v3/`.
    documents: BTreeMap<String, Document>,
    v2: Document,
}

impl OpenApi {
    pub(crate) fn new(resources: &[Described]) -> Self {
        let mut by_version: BTreeMap<String, Vec<&Described>> = BTreeMap::new();
        for resource in resources {
            let path = format!("apis/{}/{}", resource.kind.group, resource.kind.version);
            by_version.entry(path).or_default().push(resource);
        }
        let v3: BTreeMap<String, Value> =
            by_version.into_iter().map(|(path, resources)| (path, v3(&resources))).collect();
        let v2 = Document::new(&v2::document(v3.values()));
        let documents: BTreeMap<String, Document> =
            v3.into_iter().map(|(path, document)| (path, Document::new(&document))).collect();
        let entries: serde_json::Map<String, Value> =
            documents.iter().map(|(path, document)| (path.clone(), entry(path, document))).collect();
        Self { index: json!({"paths": entries}), documents, v2 }
    }

    /// The document at a path behind `/openapi/`; `None` if there is none.
    pub(crate) fn answer(&self, path: &str, call: &Call) -> Option<Result<Response<Body>, Status>> {
        let is_acceptable = || negotiate::json(&call.headers);
        match path {
            "v2" => Some(is_acceptable().map(|()| self.v2.answer(call))),
            "v3" | "v3/" => Some(is_acceptable().and_then(|()| written(&self.index, call))),
            path => {
                let document = self.documents.get(path.strip_prefix("v3/")?)?;
                Some(is_acceptable().map(|()| versioned(document, call)))
            }
        }
    }
}

fn v3(resources: &[&Described]) -> Value {
    json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "unversioned"},
        "paths": paths::paths(resources),
        "components": {"schemas": schemas::components(resources)},
    })
}

fn entry(path: &str, document: &Document) -> Value {
    json!({"serverRelativeURL": format!("/openapi/v3/{path}?hash={}", document.hash())})
}

/// Who asks by the right hash may keep the document for ever.
fn versioned(document: &Document, call: &Call) -> Response<Body> {
    let mut response = document.answer(call);
    if call.query.get("hash") == Some(document.hash()) {
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, immutable"));
        headers.insert(EXPIRES, in_a_year());
    }
    response
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
