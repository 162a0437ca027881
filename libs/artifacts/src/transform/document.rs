//! A request as preRequest hooks read and write it. Pure.
use super::HookFailure;
use crate::{
    generators::HttpRequest,
    plan::{RequestBody, headers as header},
};
use crds::{external_source::HttpGenerator, rules::Rules};
use http::{HeaderMap, Method};
use json_patch::{Patch, PatchOperation};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{collections::BTreeMap, slice};
use url::Url;

/// How many bytes a patch may copy, as JSON: no request is as large.
const MOST_COPIED: usize = 1 << 20;

/// The request.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Document {
    url: String,
    method: String,
    /// Null stands for the value that the Secret has, which no hook ever sees.
    #[serde(default)]
    headers: BTreeMap<String, Option<String>>,
    /// As with headers; where no Secret has one, null is none.
    #[serde(default)]
    body: Option<String>,
}

/// What a hook reads.
pub(super) fn written(request: &HttpRequest) -> Vec<u8> {
    serde_json::to_vec(&Document::of(request)).expect("texts serialize")
}

/// The request that a hook asks for, by the whole of it or by a JSON patch.
pub(super) fn applied(before: &HttpRequest, output: &[u8]) -> Result<HttpRequest, HookFailure> {
    let output: Value = serde_json::from_slice(output).map_err(|_| HookFailure::NoRequest)?;
    let document = if output.is_array() {
        let patch: Patch = serde_json::from_value(output).map_err(|_| HookFailure::NoRequest)?;
        let mut document = serde_json::to_value(Document::of(before)).expect("texts serialize");
        patched(&mut document, &patch)?;
        document
    } else {
        output
    };
    let document: Document = serde_json::from_value(document).map_err(|_| HookFailure::NoRequest)?;
    document.request(before)
}

/// Applies a patch. What it copies is counted: each copy of all headers into one of them doubles them, so forty would fill any memory.
fn patched(document: &mut Value, patch: &Patch) -> Result<(), HookFailure> {
    let mut copied = 0;
    for operation in &patch.0 {
        if let PatchOperation::Copy(copy) = operation {
            copied += document.pointer(copy.from.as_str()).map_or(0, |part| part.to_string().len());
            if copied > MOST_COPIED {
                return Err(HookFailure::Patch);
            }
        }
        json_patch::patch(document, slice::from_ref(operation)).map_err(|_| HookFailure::Patch)?;
    }
    Ok(())
}

impl Document {
    fn of(request: &HttpRequest) -> Self {
        Self {
            url: request.url.to_string(),
            method: request.method.to_string(),
            headers: request.headers.keys().map(|name| (name.to_string(), None)).collect(),
            body: request.body.as_ref().and_then(shown),
        }
    }

    /// What the rules accept of any spec, they accept of this.
    fn request(self, before: &HttpRequest) -> Result<HttpRequest, HookFailure> {
        let asked =
            HttpGenerator { url: self.url, method: self.method, body: self.body, ..HttpGenerator::default() };
        if let Some(error) = asked.violations().into_iter().next() {
            return Err(HookFailure::Rule { field: error.path });
        }
        Ok(HttpRequest {
            url: Url::parse(&asked.url).expect("the rules accepted this url"),
            method: Method::from_bytes(asked.method.as_bytes()).expect("the rules accepted this method"),
            headers: headers(self.headers, &before.headers)?,
            body: body(asked.body, before.body.as_ref()),
            ..before.clone()
        })
    }
}

fn shown(body: &RequestBody) -> Option<String> {
    (!body.is_secret).then(|| String::from_utf8_lossy(&body.bytes).into_owned())
}

fn body(asked: Option<String>, before: Option<&RequestBody>) -> Option<RequestBody> {
    match asked {
        Some(text) => Some(RequestBody::said(text)),
        None => before.filter(|body| body.is_secret).cloned(),
    }
}

fn headers(asked: BTreeMap<String, Option<String>>, before: &HeaderMap) -> Result<HeaderMap, HookFailure> {
    let refuse = |problem| HookFailure::Header { problem };
    if asked.len() > header::MOST {
        return Err(refuse("a request carries at most 100 headers"));
    }
    let mut headers = HeaderMap::new();
    for (name, value) in asked {
        let name = header::name(&name).map_err(refuse)?;
        let value = match value {
            Some(value) => header::value(value.as_bytes()).map_err(refuse)?,
            None => before.get(&name).cloned().ok_or(refuse("null keeps a value, and there is none"))?,
        };
        if headers.insert(name, value).is_some() {
            return Err(refuse("it is there twice; case does not matter"));
        }
    }
    Ok(headers)
}

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
#[cfg(test)]
mod tests;
