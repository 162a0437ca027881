//! What must hold whatever a stranger sends: a function for each kind of input. Each panics where its promise is broken.
//!
//! `fuzz/` gives them bytes without end, on nightly; the tests here give them the seeds of `fuzz/corpus`, and random ones.
use crate::{
    authn::{front_proxy, strip, trust::IdentityHeaders},
    decode::{self, FieldValidation},
    negotiate,
    patch::{Patch, PatchType},
    query::{ListOptions, Query},
    request::RequestInfo,
    selectors::{FieldSelector, LabelSelector},
    server::list::token::Token,
    status::Status,
};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{ACCEPT, CONTENT_TYPE},
};
use serde_json::Value;
use std::{collections::BTreeMap, time::Duration};
use tokio::time::Instant;

/// A label or field selector is understood, or refused with 400; what is understood matches or does not.
pub fn selectors(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    match LabelSelector::parse(text) {
        Ok(selector) => {
            let labels = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
            let _either = (selector.matches(None), selector.matches(Some(&labels)));
            assert!(selector.requirements().len() <= text.len() + 1, "more terms than characters");
        }
        Err(status) => refused(&status, &[StatusCode::BAD_REQUEST]),
    }
    match FieldSelector::parse(text) {
        Ok(selector) => {
            let _either = selector.matches(|_| "a".into());
            if let Err(status) = selector.check(&["source"]) {
                refused(&status, &[StatusCode::BAD_REQUEST]);
            }
        }
        Err(status) => refused(&status, &[StatusCode::BAD_REQUEST]),
    }
}

/// A continue token is one of ours, or refused with 400; one that is read is written the same way.
pub fn continue_token(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    match Token::decode(text) {
        Ok(token) => assert_eq!(Token::decode(&token.encode()).as_ref().ok(), Some(&token)),
        Err(status) => refused(&status, &[StatusCode::BAD_REQUEST, StatusCode::GONE]),
    }
}

/// Any `Accept` gets an answer or a 406, any `Content-Type` a form or a 415.
pub fn media_types(input: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(input) else { return };
    let headers: HeaderMap = [(ACCEPT, value.clone()), (CONTENT_TYPE, value)].into_iter().collect();
    let query = Query::default();
    let answers = [
        negotiate::objects(&headers, &query).map(drop),
        negotiate::events(&headers, &query).map(drop),
        negotiate::document(&headers, &query).map(drop),
        negotiate::json(&headers),
        negotiate::discovery(&headers, &query).map(drop),
    ];
    for status in answers.iter().filter_map(|answer| answer.as_ref().err()) {
        refused(status, &[StatusCode::NOT_ACCEPTABLE]);
    }
    for status in [decode::syntax(&headers).err(), PatchType::of(&headers).err()].iter().flatten() {
        refused(status, &[StatusCode::UNSUPPORTED_MEDIA_TYPE]);
    }
    let _any = (negotiate::refusal(&headers, &query), negotiate::takes_gzip(&headers));
}

/// A query string has list options, or is refused with 400 or 422; and every path with it means one thing.
pub fn query(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let query = Query::parse(text);
    if let Err(status) = ListOptions::parse(&query, &["source"]) {
        refused(&status, &[StatusCode::BAD_REQUEST, StatusCode::UNPROCESSABLE_ENTITY]);
    }
    for method in [Method::GET, Method::POST, Method::DELETE] {
        let request = RequestInfo::new(&method, "/apis/example.com/v1/namespaces/a/lamps", &query);
        assert!(request.is_ok_and(|request| request.is_resource && request.resource == "lamps"));
    }
}

/// The first line is an object, the rest a patch: it gives what json-patch gives, or is refused, and grows within bounds.
pub fn patch(input: &[u8]) {
    let mut halves = input.splitn(2, |byte| *byte == b'\n');
    let (object, body) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
    let Ok(object) = serde_json::from_slice::<Value>(object) else { return };
    if !object.is_object() {
        return;
    }
    for kind in [PatchType::Json, PatchType::Merge] {
        apply(kind, &object, body);
    }
}

fn apply(kind: PatchType, object: &Value, body: &[u8]) {
    const GROWTH: usize = 8 << 20;
    let patch = match Patch::read(kind, body, FieldValidation::Strict) {
        Ok(patch) => patch,
        Err(status) => return refused(&status, &[StatusCode::BAD_REQUEST, StatusCode::PAYLOAD_TOO_LARGE]),
    };
    let far = Instant::now() + Duration::from_secs(3_600);
    let patched = match patch.apply(object.clone(), far) {
        Ok(patched) => patched,
        Err(status) => return refused(&status, &[StatusCode::UNPROCESSABLE_ENTITY]),
    };
    let (before, after) = (object.to_string().len(), patched.to_string().len());
    assert!(after <= before + body.len() * 6 + GROWTH, "{before} bytes became {after}");
    // A key that is there twice is counted by both, but not the same way.
    if !patch.findings.is_empty() {
        return;
    }
    let mut expected = object.clone();
    match kind {
        PatchType::Json => {
            let operations: json_patch::Patch = serde_json::from_slice(body).expect("it was read before");
            json_patch::patch(&mut expected, &operations).expect("it applied before");
        }
        PatchType::Merge => {
            json_patch::merge(&mut expected, &serde_json::from_slice(body).expect("it was read before"));
        }
    }
    assert_eq!(patched, expected);
}

/// Headers, a line each: whoever they name was named in the header that names users, and nothing of it is left behind.
pub fn identity(input: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in input.split(|byte| *byte == b'\n') {
        let mut halves = line.splitn(2, |byte| *byte == b':');
        let name = HeaderName::from_bytes(halves.next().unwrap_or_default());
        let value = HeaderValue::from_bytes(halves.next().unwrap_or_default().trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    let names = IdentityHeaders {
        username: vec![HeaderName::from_static("x-remote-user")],
        uid: vec![HeaderName::from_static("x-remote-uid")],
        group: vec![HeaderName::from_static("x-remote-group")],
        extra_prefixes: vec!["x-remote-extra-".to_owned()],
    };
    if let Ok(Some(user)) = front_proxy::identity(&headers, &names) {
        let named = headers.get("x-remote-user").map(HeaderValue::as_bytes);
        assert!(!user.name.is_empty() && named == Some(user.name.as_bytes()), "{user:?} was never named");
        let groups = headers.get_all("x-remote-group").iter().count();
        assert!(user.groups.len() <= groups, "{user:?} is in more groups than were named");
    }
    strip::strip(&mut headers, Some(&names));
    let usual = |name: &HeaderName| name.as_str().replace('_', "-");
    let proof = headers.keys().map(usual).find(|name| {
        ["x-remote-user", "x-remote-uid", "x-remote-group", "authorization"].contains(&name.as_str())
            || name.starts_with("x-remote-extra-")
    });
    assert_eq!(proof, None, "a proof is left behind");
}

fn refused(status: &Status, codes: &[StatusCode]) {
    assert!(codes.contains(&status.code()), "{}: {}", status.code(), status.message());
    assert!(!status.message().is_empty(), "a refusal that says nothing");
}

#[cfg(test)]
mod tests;
