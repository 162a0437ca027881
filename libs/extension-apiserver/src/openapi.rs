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
use serde::Serialize;
use serde_json::{Value, json, value::RawValue};
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
        let mut v2 = v2::Version2::default();
        let mut documents = BTreeMap::new();
        for (path, resources) in by_version {
            documents.insert(path, Document::new(&v3(&resources, &mut v2)));
        }
        let v2 = Document::new(&v2);
        let entries: serde_json::Map<String, Value> =
            documents.iter().map(|(path, document)| (path.clone(), entry(path, document))).collect();
        Self { index: json!({"paths": entries}), documents, v2 }
    }

    /// The document at a path behind `/openapi/`; `None` if there is none.
    pub(crate) fn answer(&self, path: &str, call: &Call) -> Option<Result<Response<Body>, Status>> {
        let is_acceptable = || negotiate::json(&call.headers);
        match path {
            "v2" => Some(is_acceptable().map(|()| self.v2.answer(call))),
            "v3" | "v3/" => Some(is_acceptable().and_then(|()| index(&self.index, call))),
            path => {
                let document = self.documents.get(path.strip_prefix("v3/")?)?;
                Some(is_acceptable().map(|()| versioned(document, call)))
            }
        }
    }
}

/// What is said of each path, or of each name, as JSON: trees of values take twenty times as much memory as their text does.
type Written = BTreeMap<String, Box<RawValue>>;

#[derive(Serialize)]
struct Version3 {
    components: Components,
    info: Value,
    openapi: &'static str,
    paths: Written,
}

#[derive(Serialize)]
struct Components {
    schemas: Written,
}

/// The document of one version; the other one learns the same.
fn v3(resources: &[&Described], v2: &mut v2::Version2) -> Version3 {
    let mut paths = Written::new();
    paths::each(resources, |path, item| {
        paths.insert(path.clone(), written(&item));
        v2.path(path, item);
    });
    let mut schemas = Written::new();
    for (name, schema) in schemas::components(resources) {
        schemas.insert(name.clone(), written(&schema));
        v2.definition(name, &schema);
    }
    Version3 { components: Components { schemas }, info: info(), openapi: "3.0.0", paths }
}

fn info() -> Value {
    json!({"title": "Kubernetes", "version": "unversioned"})
}

fn written(part: &Value) -> Box<RawValue> {
    serde_json::value::to_raw_value(part).expect("a value is JSON")
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

fn index(document: &Value, call: &Call) -> Result<Response<Body>, Status> {
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
