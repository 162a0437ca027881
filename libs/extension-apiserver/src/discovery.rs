//! Discovery: the documents at `/apis`, `/apis/GROUP` and `/apis/GROUP/VERSION`, made once, in both forms.
//!
//! kube-apiserver asks for the aggregated form at `/apis` once a minute, and believes whatever else it gets there only
//! as a sign to fall back; a group whose discovery fails keeps every namespace of the cluster from being deleted.
mod aggregated;
mod legacy;

use crate::{
    api::Call,
    encode,
    negotiate::{self, Discovery, Syntax},
    serve::Body,
    server::Described,
    status::Status,
};
use aws_lc_rs::digest::{SHA512, digest};
use http::{
    HeaderValue, Response,
    header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY},
};
use serde_json::Value;
use std::{collections::BTreeMap, fmt::Write};

const AGGREGATED_PARAMETERS: &str = ";g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// All discovery documents.
pub(crate) struct Documents {
    /// By path, without slashes at the ends.
    legacy: BTreeMap<String, Document>,
    aggregated: Document,
    etag: HeaderValue,
}

/// A document, and its JSON for nearly everybody who asks.
struct Document {
    value: Value,
    json: Vec<u8>,
}

impl Documents {
    pub(crate) fn new(resources: &[Described]) -> Self {
        let aggregated = Document::new(aggregated::group_list(resources));
        let legacy = legacy::documents(resources).into_iter();
        Self {
            legacy: legacy.map(|(path, value)| (path, Document::new(value))).collect(),
            etag: etag(&aggregated.json),
            aggregated,
        }
    }

    /// The paths of these documents, as `/` lists them.
    pub(crate) fn paths(&self) -> impl Iterator<Item = String> {
        self.legacy.keys().map(|path| format!("/{path}"))
    }

    /// The document at a path; `None` if there is none.
    pub(crate) fn answer(&self, path: &str, call: &Call) -> Option<Result<Response<Body>, Status>> {
        if let Some(legacy) = self.legacy.get(path) {
            return Some(self.negotiated(path, legacy, call));
        }
        // A version of a group that is served in others.
        let (group, _) = path.rsplit_once('/').filter(|(group, _)| *group != "apis")?;
        self.legacy.contains_key(group).then(|| Err(Status::unknown_resource()))
    }

    fn negotiated(&self, path: &str, legacy: &Document, call: &Call) -> Result<Response<Body>, Status> {
        if path != "apis" {
            let syntax = negotiate::document(&call.headers, &call.query)?;
            return legacy.answer(syntax, call);
        }
        let mut response = match negotiate::discovery(&call.headers, &call.query)? {
            Discovery::Legacy(syntax) => legacy.answer(syntax, call)?,
            Discovery::Aggregated(syntax) => self.aggregated(syntax, call)?,
        };
        response.headers_mut().append(VARY, HeaderValue::from_static("Accept"));
        Ok(response)
    }

    fn aggregated(&self, syntax: Syntax, call: &Call) -> Result<Response<Body>, Status> {
        let is_known = call.headers.get(IF_NONE_MATCH) == Some(&self.etag);
        let mut response =
            if is_known { encode::not_modified() } else { self.aggregated.answer(syntax, call)? };
        let headers = response.headers_mut();
        headers.insert(ETAG, self.etag.clone());
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("public"));
        if !is_known {
            // Clients take the document for the aggregated one by exactly these parameters.
            let media_type = format!("{}{AGGREGATED_PARAMETERS}", syntax.media_type());
            headers.insert(CONTENT_TYPE, HeaderValue::from_str(&media_type).expect("plain ASCII"));
        }
        Ok(response)
    }
}

impl Document {
    fn new(value: Value) -> Self {
        Self { json: value.to_string().into_bytes(), value }
    }

    fn answer(&self, syntax: Syntax, call: &Call) -> Result<Response<Body>, Status> {
        let bytes = match syntax {
            Syntax::Json => self.json.clone(),
            _ => encode::write(syntax, &self.value)?,
        };
        Ok(encode::response(syntax, bytes, negotiate::takes_gzip(&call.headers)))
    }
}

/// A strong validator of a document in JSON: its digest, as k8s.io/apiserver writes it.
pub(crate) fn etag(json: &[u8]) -> HeaderValue {
    let mut hex = String::with_capacity(130);
    hex.push('"');
    for byte in digest(&SHA512, json).as_ref() {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02X}");
    }
    hex.push('"');
    HeaderValue::from_str(&hex).expect("hex digits and quotes are ASCII")
}

#[cfg(test)]
mod tests;
