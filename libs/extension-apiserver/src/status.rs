//! `metav1.Status`: what every refusal looks like, with the codes, reasons and words of k8s.io/apimachinery.
//!
//! Clients decide by reason (an informer lists again on `Expired`, kubectl retries on `ServerTimeout`), so a refusal
//! is made by one of the constructors here, never by a bare HTTP code.
mod cause;

use crate::request::RequestInfo;
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use std::fmt;

/// Why a request was refused, in the form that every Kubernetes client understands.
#[derive(Clone, PartialEq, Eq)]
pub struct Status(Box<Inner>);

#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Inner {
    kind: &'static str,
    api_version: &'static str,
    metadata: Metadata,
    status: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    message: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Details>,
    code: u16,
    #[serde(skip)]
    header: Option<(HeaderName, HeaderValue)>,
}

#[derive(Clone, Default, PartialEq, Eq, Serialize)]
struct Metadata {
    /// With it the rest of a list whose state is forgotten can be read from another state.
    #[serde(rename = "continue", skip_serializing_if = "String::is_empty")]
    continue_token: String,
}

/// What a refusal is about; every part is optional.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Details {
    /// Name of the object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// API group of the object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// Resource (plural) of the object; for invalid objects its kind.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// One entry for each thing that is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Cause>,
    /// Seconds after which trying again makes sense; also sent as `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u32>,
}

/// One thing that is wrong with a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// Machine-readable class, such as `FieldValueInvalid`.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub reason: &'static str,
    /// What is wrong, for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Path of the field, such as `spec.interval` or `resourceVersionMatch`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub field: String,
}

impl Status {
    /// A refusal with a code and reason of your own; prefer the named constructors.
    pub fn new(code: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind: "Status",
            api_version: "v1",
            metadata: Metadata::default(),
            status: "Failure",
            message: message.into(),
            reason,
            details: None,
            code: code.as_u16(),
            header: None,
        }))
    }

    /// Says what the refusal is about.
    #[must_use]
    pub fn with_details(mut self, details: Details) -> Self {
        self.0.details = Some(details);
        self
    }

    /// Says when trying again makes sense.
    #[must_use]
    pub fn with_retry_after(mut self, seconds: u32) -> Self {
        self.0.details.get_or_insert_default().retry_after_seconds = Some(seconds);
        self
    }

    /// Says how a list goes on all the same.
    #[must_use]
    pub(crate) fn with_continue(mut self, token: String) -> Self {
        self.0.metadata.continue_token = token;
        self
    }

    /// Says in a header, too, what the client should have done.
    #[must_use]
    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.header = Some((name, value));
        self
    }

    /// 400: the request cannot be understood.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    /// 401: nobody vouches for the caller.
    pub fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized")
    }

    /// 403: the caller has no right to this object or resource; `why` continues the sentence "… is forbidden:".
    pub fn forbidden(request: &RequestInfo, why: &str) -> Self {
        let message = match (request.resource.is_empty(), request.name.is_empty()) {
            (true, _) => format!("forbidden: {why}"),
            (false, true) => format!("{} is forbidden: {why}", request.group_resource()),
            (false, false) => {
                format!("{} {:?} is forbidden: {why}", request.group_resource(), request.name)
            }
        };
        Self::new(StatusCode::FORBIDDEN, "Forbidden", message).with_details(about(request))
    }

    /// 404: there is no object of that name.
    pub fn not_found(request: &RequestInfo, name: &str) -> Self {
        let message = format!("{} {name:?} not found", request.group_resource());
        let details = Details { name: name.to_owned(), ..about(request) };
        Self::new(StatusCode::NOT_FOUND, "NotFound", message).with_details(details)
    }

    /// 409: an object of that name exists.
    pub fn already_exists(request: &RequestInfo, name: &str) -> Self {
        let message = format!("{} {name:?} already exists", request.group_resource());
        let details = Details { name: name.to_owned(), ..about(request) };
        Self::new(StatusCode::CONFLICT, "AlreadyExists", message).with_details(details)
    }

    /// 409: the name that the server made up is taken; the client may try again for another one.
    pub(crate) fn name_not_unique(request: &RequestInfo, name: &str) -> Self {
        let message = format!(
            "{} {name:?} already exists, the server was not able to generate a unique name for the object",
            request.group_resource()
        );
        let details = Details { name: name.to_owned(), retry_after_seconds: Some(1), ..about(request) };
        Self::new(StatusCode::CONFLICT, "AlreadyExists", message).with_details(details)
    }

    /// 409: the object is no longer as the request says; `why` continues the sentence "… cannot be fulfilled on …:".
    pub fn conflict(request: &RequestInfo, name: &str, why: &str) -> Self {
        let subject = request.group_resource();
        let message = format!("Operation cannot be fulfilled on {subject} {name:?}: {why}");
        let details = Details { name: name.to_owned(), ..about(request) };
        Self::new(StatusCode::CONFLICT, "Conflict", message).with_details(details)
    }

    /// 409: somebody else changed the object meanwhile, in the words of k8s.io/apiserver.
    pub fn modified(request: &RequestInfo, name: &str) -> Self {
        let why =
            "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(request, name, why)
    }

    /// 404: this group and version has no such resource or subresource.
    pub fn unknown_resource() -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotFound", "the server could not find the requested resource")
            .with_details(Details::default())
    }

    /// 404: nothing is served at this path.
    pub fn page_not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotFound", "404 page not found").with_details(Details::default())
    }

    /// 405: the resource exists, the verb does not.
    pub fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message)
            .with_details(Details::default())
    }

    /// 406: none of the media types in `Accept` can be answered.
    pub fn not_acceptable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_ACCEPTABLE, "NotAcceptable", message)
    }

    /// 410: the asked version or continue token is older than what is kept; list again.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(StatusCode::GONE, "Expired", message)
    }

    /// 413: the body is larger than the server reads, or asks for more than it does.
    pub fn too_large(message: impl fmt::Display) -> Self {
        let message = format!("Request entity too large: {message}");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", message)
    }

    /// 415: the body is in a form that the server does not read.
    pub fn unsupported_media_type(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message)
    }

    /// 422: understood, but the values do not hold; one cause a field.
    pub fn invalid(group: &str, kind: &str, name: &str, causes: Vec<Cause>) -> Self {
        let message = format!("{}{}", invalid_subject(group, kind, name), in_words(&causes));
        let details = Details {
            name: name.to_owned(),
            group: group.to_owned(),
            kind: kind.to_owned(),
            causes,
            ..Details::default()
        };
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message).with_details(details)
    }

    /// 500: something that the caller cannot change went wrong; `message` goes to the caller.
    pub fn internal(message: impl Into<String>) -> Self {
        let message = message.into();
        let cause = Cause { message: message.clone(), ..Cause::default() };
        let details = Details { causes: vec![cause], ..Details::default() };
        let message = format!("Internal error occurred: {message}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", message).with_details(details)
    }

    /// 503: not now; clients that honour `Retry-After` try again.
    pub fn unavailable(message: impl Into<String>, retry_after_seconds: u32) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", message)
            .with_retry_after(retry_after_seconds)
    }

    /// 504: the request took longer than it may.
    pub fn timeout() -> Self {
        let message = "Timeout: request did not complete within the allotted timeout";
        Self::new(StatusCode::GATEWAY_TIMEOUT, "Timeout", message).with_details(Details::default())
    }

    /// 504: the client has seen a newer version (on another replica) than this server has.
    pub fn too_large_version(asked: u64, current: u64) -> Self {
        let message = format!("Timeout: Too large resource version: {asked}, current: {current}");
        let cause = Cause {
            reason: "ResourceVersionTooLarge",
            message: "Too large resource version".to_owned(),
            field: String::new(),
        };
        let details = Details { causes: vec![cause], retry_after_seconds: Some(1), ..Details::default() };
        Self::new(StatusCode::GATEWAY_TIMEOUT, "Timeout", message).with_details(details)
    }

    /// The same refusal, in other words.
    #[must_use]
    pub(crate) fn saying(mut self, message: String) -> Self {
        self.0.message = message;
        self
    }

    /// The HTTP code.
    pub fn code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The machine-readable reason, from a closed set.
    pub fn reason(&self) -> &'static str {
        self.0.reason
    }

    /// What is wrong, for people.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// See [`Self::with_header`].
    pub(crate) fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        self.0.header.clone()
    }

    /// What the refusal is about.
    pub fn details(&self) -> Option<&Details> {
        self.0.details.as_ref()
    }
}

impl Serialize for Status {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.0.code, self.0.reason, self.0.message)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Status {}

fn about(request: &RequestInfo) -> Details {
    Details {
        name: request.name.clone(),
        group: request.group.clone(),
        kind: request.resource.clone(),
        ..Details::default()
    }
}

fn invalid_subject(group: &str, kind: &str, name: &str) -> String {
    match group {
        "" => format!("{kind} {name:?} is invalid"),
        group => format!("{kind}.{group} {name:?} is invalid"),
    }
}

/// As Go prints an aggregate: one error plain, several in brackets.
fn in_words(causes: &[Cause]) -> String {
    let mut words: Vec<String> = Vec::new();
    for cause in causes {
        let word = format!("{}: {}", cause.field, cause.message);
        if !words.contains(&word) {
            words.push(word);
        }
    }
    match words.as_slice() {
        [] => String::new(),
        [one] => format!(": {one}"),
        several => format!(": [{}]", several.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> RequestInfo {
        RequestInfo {
            group: "subresources.postern.dev".into(),
            resource: "externalsources".into(),
            name: "x".into(),
            ..RequestInfo::default()
        }
    }

    #[test]
    fn a_missing_object_reads_as_in_go() {
        let status = Status::not_found(&request(), "x");
        let expected = concat!(
            r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","#,
            r#""message":"externalsources.subresources.postern.dev \"x\" not found","reason":"NotFound","#,
            r#""details":{"name":"x","group":"subresources.postern.dev","kind":"externalsources"},"code":404}"#,
        );
        assert_eq!(serde_json::to_string(&status).unwrap(), expected);
    }

    #[test]
    fn several_wrong_fields_are_all_in_the_message() {
        let cause = |field: &str| Cause {
            reason: "FieldValueForbidden",
            message: "Forbidden: no".into(),
            field: field.into(),
        };
        let status = Status::invalid("meta.k8s.io", "ListOptions", "", vec![cause("a"), cause("b")]);
        assert_eq!(
            status.message(),
            r#"ListOptions.meta.k8s.io "" is invalid: [a: Forbidden: no, b: Forbidden: no]"#
        );
        assert_eq!(status.code(), StatusCode::UNPROCESSABLE_ENTITY);
    }
}
