//! The `Status` of a refusal, in the words of kube-apiserver. Pure.
use crate::kinds::Kind;
use crds::rules::{FieldError, Violation};
use kube::core::{
    Status,
    response::{StatusCause, StatusDetails},
};

/// 422 with a cause a violated rule. `kubectl` prints the causes and drops the message; other clients show the message.
pub(crate) fn unprocessable(kind: &Kind, name: &str, errors: &[FieldError]) -> Status {
    let details = StatusDetails {
        name: name.to_owned(),
        group: kind.group.clone(),
        kind: kind.kind.clone(),
        uid: String::new(),
        causes: errors.iter().map(cause).collect(),
        retry_after_seconds: 0,
    };
    let message = format!("{}.{} {name:?} is invalid: {}", kind.kind, kind.group, list(errors));
    Status::failure(&message, "Invalid").with_code(422).with_details(details)
}

/// The violation of a spec that passed the schema and is none all the same.
pub(crate) fn unreadable(why: &str) -> FieldError {
    FieldError {
        path: "spec".to_owned(),
        kind: Violation::Invalid,
        detail: format!("Invalid value: cannot be read: {why}"),
    }
}

fn cause(error: &FieldError) -> StatusCause {
    StatusCause {
        reason: error.kind.reason().to_owned(),
        message: error.detail.clone(),
        field: error.path.clone(),
    }
}

/// As Go prints an aggregate: brackets only around several.
fn list(errors: &[FieldError]) -> String {
    let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
    if errors.len() == 1 { errors.concat() } else { format!("[{}]", errors.join(", ")) }
}
