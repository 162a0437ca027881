//! What is told of a store in S3 that failed. object_store's errors repeat the whole answer, and that what was sent; here all that
//! stays is how it was answered, or what the network said.
use crate::{fetch::failure::find, s3_codes};
use http::StatusCode;
use object_store::client::{HttpError, HttpErrorKind};
use std::io;
use thiserror::Error;

/// How S3 answered, or why it did not.
#[derive(Debug, PartialEq, Eq, Error)]
pub(in super::super) enum Told {
    #[error("it answered {0}")]
    Status(StatusCode),
    #[error("it answered {0}, {1}")]
    Refused(StatusCode, String),
    /// An answer that began as a success.
    #[error("it answered {0}")]
    Broken(String),
    #[error("{0}")]
    Network(String),
    #[error("it did not answer in time")]
    Late,
    #[error("its answer cannot be used")]
    Unknown,
}

impl Told {
    /// What an error of its client comes down to; `None` if it is none of a client, but of this machine's files.
    pub(in super::super) fn of(error: &object_store::Error) -> Option<Self> {
        let http = find::<HttpError>(error);
        let system = find::<io::Error>(error);
        if http.is_none() && system.is_some() {
            return None;
        }
        let words = telemetry::Chain(error).to_string();
        Some(match (status(&words), s3_codes::code(&words), system, http) {
            (Some(status), Some(code), ..) => Self::Refused(status, code),
            (Some(status), None, ..) => Self::Status(status),
            (None, Some(code), ..) => Self::Broken(code),
            (.., Some(http)) if http.kind() == HttpErrorKind::Timeout => Self::Late,
            (_, _, Some(system), _) => Self::Network(system.to_string()),
            _ => Self::Unknown,
        })
    }

    /// Whether it does not believe the credentials. AWS says so with many statuses.
    pub(in super::super) fn is_disbelief(&self) -> bool {
        matches!(self, Self::Refused(_, code) if s3_codes::disbelieved(code).is_some())
    }
}

/// The status in object_store's words, which come before those of the answer.
pub(super) fn status(words: &str) -> Option<StatusCode> {
    let (_, rest) = words.split_once("status code: ")?;
    StatusCode::from_bytes(rest.get(..3)?.as_bytes()).ok()
}
