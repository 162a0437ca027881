//! Why a pass failed: one sentence for people, one reason for machines, and when trying again makes sense.
//!
//! Sentences name the host and the status code. They never hold a body, a path, a query, a header or a value of a
//! Secret, and neither does `Debug`.
use crate::{Digest, HookFailure, List, StoreError, egress::Refused, pack::PackError, unpack::UnpackError};
use crds::reasons;
use http::StatusCode;
use std::{error::Error as StdError, io, time::Duration};
use thiserror::Error;

/// A cause that some other crate reports.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// Why a pass failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The spec refers to a Secret that is not there.
    #[error("Secret {secret} does not exist")]
    SecretNotFound {
        /// The name of the Secret.
        secret: String,
    },

    /// The spec refers to a key that the Secret lacks.
    #[error("Secret {secret} has no key {key}")]
    SecretKeyMissing {
        /// The name of the Secret.
        secret: String,
        /// The missing key.
        key: String,
    },

    /// A key of the Secret cannot be sent as a header.
    #[error("key {key} of Secret {secret} cannot be sent as a header: {problem}")]
    InvalidHeader {
        /// The name of the Secret.
        secret: String,
        /// The key.
        key: String,
        /// What is wrong with it.
        problem: &'static str,
    },

    /// A key of the Secret holds no certificates.
    #[error("key {key} of Secret {secret} is no CA bundle: {problem}")]
    InvalidCaBundle {
        /// The name of the Secret.
        secret: String,
        /// The key.
        key: String,
        /// What is wrong with it.
        problem: &'static str,
    },

    /// The Secret holds no client certificate with its key.
    #[error("key {key} of Secret {secret} cannot be used as a client certificate: {problem}")]
    InvalidClientCertificate {
        /// The name of the Secret.
        secret: String,
        /// The key.
        key: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },

    /// A key of the Secret cannot be a credential of S3.
    #[error("key {key} of Secret {secret} cannot be used: {problem}")]
    InvalidCredentials {
        /// The name of the Secret.
        secret: String,
        /// The key.
        key: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },

    /// S3 does not believe the credentials.
    #[error("{host} does not accept key {key} of Secret {secret}")]
    CredentialsRefused {
        /// The host in question.
        host: String,
        /// The name of the Secret.
        secret: String,
        /// The key that it does not accept, as far as it says so.
        key: &'static str,
    },

    /// S3 does not let these credentials, or none, read.
    #[error("{host} does not let {whom} read this")]
    ReadForbidden {
        /// The host in question.
        host: String,
        /// Who asked, in words.
        whom: String,
    },

    /// A folder that nothing lies in.
    #[error("the prefix holds no object at {host}")]
    EmptyPrefix {
        /// The host in question.
        host: String,
    },

    /// A folder that more lies in than an artifact may hold.
    #[error("the prefix holds more than {limit} objects at {host}")]
    TooManyObjects {
        /// The host in question.
        host: String,
        /// The limit.
        limit: usize,
    },

    /// A key that is no name of a file.
    #[error("{host} has an object whose key cannot be the name of a file: {problem}")]
    UnsafeKey {
        /// The host in question.
        host: String,
        /// What is wrong with it.
        problem: String,
    },

    /// The policy closes the address.
    #[error("{host} may not be reached: {refused}")]
    AddressRefused {
        /// The host in question.
        host: String,
        /// What the policy says.
        refused: Refused,
    },

    /// The name has no address, or no name server answered.
    #[error("no address found for {host}")]
    NameNotResolved {
        /// The host in question.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },

    /// No connection came about, or it broke before the answer began.
    #[error("cannot fetch from {host}: {problem}")]
    ConnectionFailed {
        /// The host in question.
        host: String,
        /// In which way.
        problem: &'static str,
        /// What the network said.
        source: BoxError,
    },

    /// The TLS handshake failed.
    #[error("no secure connection to {host}: {problem}")]
    TlsFailed {
        /// The host in question.
        host: String,
        /// In which way.
        problem: &'static str,
        /// What TLS said.
        source: BoxError,
    },

    /// `spec.timeout` is over.
    #[error("{host} did not deliver everything in {}", crds::duration::format(*timeout))]
    TimedOut {
        /// The host in question.
        host: String,
        /// The time it had.
        timeout: Duration,
    },

    /// A status code that carries no data.
    #[error("{host} answered {}", named(*status))]
    Answered {
        /// The host in question.
        host: String,
        /// The code.
        status: StatusCode,
        /// How long its headers ask to wait.
        pause: Option<Duration>,
        /// Whether its headers say that a limit is used up.
        limited: bool,
    },

    /// A good answer of another type than expected.
    #[error("{host} sent {found} where {expected} is expected")]
    UnexpectedContentType {
        /// The host in question.
        host: String,
        /// What it sent.
        found: String,
        /// What `expectedContentType` lists.
        expected: String,
    },

    /// A redirect that is not followed.
    #[error("{host} redirects {problem}")]
    RedirectRefused {
        /// The host that redirects.
        host: String,
        /// Where to, in words.
        problem: &'static str,
    },

    /// The body is not whole.
    #[error("the body from {host} ended early")]
    Truncated {
        /// The host in question.
        host: String,
        /// What the network said.
        source: BoxError,
    },

    /// The body is larger than allowed.
    #[error("the body from {host} is larger than {limit} bytes, the limit of this installation")]
    TooLarge {
        /// The host in question.
        host: String,
        /// The limit.
        limit: u64,
    },

    /// The body is not the one that is pinned.
    #[error("the body from {host} has the digest {found}, but sha256 pins {expected}")]
    DigestMismatch {
        /// The host in question.
        host: String,
        /// What the body has.
        found: Digest,
        /// What the spec pins.
        expected: Digest,
    },

    /// A body of unknown length could not be kept aside until its length is known.
    #[error("the body cannot be written to a temporary file")]
    NotSpooled(#[source] io::Error),

    /// No HTTP client can be made.
    #[error("no HTTP client can be made")]
    NoClient(#[source] BoxError),

    /// The packer ended without an answer.
    #[error("packing the artifact failed unexpectedly")]
    PackerDied(#[source] BoxError),

    /// A hook failed, and its policy does not ignore that.
    #[error("{list} hook {hook} failed: {failure}")]
    Hook {
        /// Which list it is in.
        list: List,
        /// Its name.
        hook: String,
        /// What went wrong.
        failure: HookFailure,
        /// Whether its policy is to try again.
        retries: bool,
    },

    /// The executor of hooks failed.
    #[error(transparent)]
    HookExecutor(hooks::Error),

    /// There is no executor.
    #[error("hooks are not enabled on this installation")]
    HooksNotEnabled,

    /// The body is no archive that can be unpacked safely.
    #[error(transparent)]
    Unpack(UnpackError),

    /// The archive could not be made.
    #[error(transparent)]
    Pack(PackError),

    /// The store failed.
    #[error(transparent)]
    Store(StoreError),
}

/// When trying again makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Soon, with growing pauses: the cause passes by itself.
    Soon,
    /// At the next interval: the source must change first.
    AtInterval,
    /// When the spec or one of its Secrets changes.
    OnChange,
}

impl Error {
    /// The reason for conditions, events and metrics; one of [`crds::reasons`].
    pub fn reason(&self) -> &'static str {
        match self {
            Self::SecretNotFound { .. } => reasons::SECRET_NOT_FOUND,
            Self::SecretKeyMissing { .. } => reasons::SECRET_KEY_MISSING,
            Self::InvalidHeader { .. } => reasons::INVALID_HEADER,
            Self::InvalidCaBundle { .. } => reasons::INVALID_CA_BUNDLE,
            Self::InvalidClientCertificate { .. } => reasons::INVALID_CLIENT_CERTIFICATE,
            Self::InvalidCredentials { .. } => reasons::INVALID_CREDENTIALS,
            Self::CredentialsRefused { .. } => reasons::UNAUTHORIZED,
            Self::ReadForbidden { .. } => reasons::FORBIDDEN,
            Self::EmptyPrefix { .. } => reasons::NOT_FOUND,
            Self::TooManyObjects { .. } => reasons::TOO_LARGE,
            Self::UnsafeKey { .. } => reasons::UNSAFE_ARCHIVE,
            Self::AddressRefused { .. } => reasons::ADDRESS_REFUSED,
            Self::NameNotResolved { .. } => reasons::NAME_NOT_RESOLVED,
            Self::ConnectionFailed { .. } => reasons::CONNECTION_FAILED,
            Self::TlsFailed { .. } => reasons::TLS_FAILED,
            Self::TimedOut { .. } => reasons::TIMED_OUT,
            Self::Answered { status, limited, .. } => answered(*status, *limited),
            Self::UnexpectedContentType { .. } => reasons::UNEXPECTED_CONTENT_TYPE,
            Self::RedirectRefused { .. } => reasons::REDIRECT_REFUSED,
            Self::Truncated { .. } => reasons::TRUNCATED,
            Self::TooLarge { .. } => reasons::TOO_LARGE,
            Self::DigestMismatch { .. } => reasons::DIGEST_MISMATCH,
            Self::NotSpooled(source) if source.kind() == io::ErrorKind::StorageFull => reasons::STORE_FULL,
            Self::NotSpooled(_) => reasons::STORAGE_OPERATION_FAILED,
            Self::NoClient(_) | Self::PackerDied(_) => reasons::INTERNAL_ERROR,
            Self::Hook { failure, .. } => failure.reason(),
            Self::HookExecutor(_) => reasons::HOOK_EXECUTOR_UNAVAILABLE,
            Self::HooksNotEnabled => reasons::HOOK_NOT_ALLOWED,
            Self::Unpack(error) => error.reason(),
            Self::Pack(error) => error.reason(),
            Self::Store(error) => error.reason(),
        }
    }

    /// When trying again makes sense.
    pub fn retry(&self) -> Retry {
        match self {
            Self::SecretNotFound { .. }
            | Self::SecretKeyMissing { .. }
            | Self::InvalidHeader { .. }
            | Self::InvalidCaBundle { .. }
            | Self::InvalidClientCertificate { .. }
            | Self::InvalidCredentials { .. } => Retry::OnChange,
            Self::AddressRefused { .. }
            | Self::CredentialsRefused { .. }
            | Self::ReadForbidden { .. }
            | Self::EmptyPrefix { .. }
            | Self::TooManyObjects { .. }
            | Self::UnsafeKey { .. }
            | Self::UnexpectedContentType { .. }
            | Self::RedirectRefused { .. }
            | Self::TooLarge { .. }
            | Self::DigestMismatch { .. }
            | Self::Pack(PackError::Path { .. }) => Retry::AtInterval,
            Self::HooksNotEnabled => Retry::AtInterval,
            Self::Hook { failure, .. } if !failure.is_disagreement() && !self.spends_retry() => {
                Retry::AtInterval
            }
            Self::Unpack(error) => unpacking(error),
            Self::Answered { status, limited, .. } if !limited && !passes(*status) => Retry::AtInterval,
            Self::Answered { .. }
            | Self::NameNotResolved { .. }
            | Self::ConnectionFailed { .. }
            | Self::TlsFailed { .. }
            | Self::TimedOut { .. }
            | Self::Truncated { .. }
            | Self::Hook { .. }
            | Self::HookExecutor(_)
            | Self::NotSpooled(_)
            | Self::NoClient(_)
            | Self::PackerDied(_)
            | Self::Pack(_)
            | Self::Store(_) => Retry::Soon,
        }
    }

    /// Whether trying again takes one of the tries that all hooks of a source share.
    pub fn spends_retry(&self) -> bool {
        matches!(self, Self::Hook { failure, retries: true, .. } if failure.may_pass())
    }

    /// How long the source asks to be left alone; at most a day.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Answered { pause, .. } => *pause,
            _ => None,
        }
    }
}

/// Whether what a status code tells passes by itself.
fn passes(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(
            status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
        )
}

/// The next body may be whole, and the disk may have room again; what the archive says will not change by itself.
fn unpacking(error: &UnpackError) -> Retry {
    match error {
        UnpackError::Read(_) | UnpackError::CutOff | UnpackError::NotSpooled(_) => Retry::Soon,
        _ => Retry::AtInterval,
    }
}

/// The code, with its name where it has one.
fn named(status: StatusCode) -> String {
    status.canonical_reason().map_or_else(|| status.as_str().to_owned(), |_| status.to_string())
}

fn answered(status: StatusCode, limited: bool) -> &'static str {
    match status {
        _ if limited => reasons::RATE_LIMITED,
        StatusCode::UNAUTHORIZED => reasons::UNAUTHORIZED,
        StatusCode::FORBIDDEN => reasons::FORBIDDEN,
        StatusCode::NOT_FOUND | StatusCode::GONE => reasons::NOT_FOUND,
        StatusCode::TOO_MANY_REQUESTS => reasons::RATE_LIMITED,
        status if status.is_server_error() => reasons::SERVER_ERROR,
        _ => reasons::UNEXPECTED_STATUS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16) -> Error {
        let status = StatusCode::from_u16(status).unwrap();
        Error::Answered { host: "example.com".into(), status, pause: None, limited: false }
    }

    #[test]
    fn a_status_code_decides_reason_and_retry() {
        for (status, reason, retry) in [
            (400, "UnexpectedStatus", Retry::AtInterval),
            (401, "Unauthorized", Retry::AtInterval),
            (403, "Forbidden", Retry::AtInterval),
            (404, "NotFound", Retry::AtInterval),
            (408, "UnexpectedStatus", Retry::Soon),
            (410, "NotFound", Retry::AtInterval),
            (425, "UnexpectedStatus", Retry::Soon),
            (429, "RateLimited", Retry::Soon),
            (500, "ServerError", Retry::Soon),
            (503, "ServerError", Retry::Soon),
            (206, "UnexpectedStatus", Retry::AtInterval),
            (302, "UnexpectedStatus", Retry::AtInterval),
        ] {
            assert_eq!((answer(status).reason(), answer(status).retry()), (reason, retry), "{status}");
        }
    }

    #[test]
    fn a_used_up_limit_passes_whatever_the_code() {
        let host = "example.com".into();
        let pause = Some(Duration::from_secs(60));
        let limited = Error::Answered { host, status: StatusCode::FORBIDDEN, pause, limited: true };
        assert_eq!((limited.reason(), limited.retry()), ("RateLimited", Retry::Soon));
        assert_eq!(limited.retry_after(), pause);
        assert_eq!(limited.to_string(), "example.com answered 403 Forbidden");
    }

    #[test]
    fn a_chain_names_each_cause_once() {
        let error =
            Error::NameNotResolved { host: "example.com".into(), source: io::Error::other("no such name") };
        assert_eq!(telemetry::Chain(&error).to_string(), "no address found for example.com: no such name");
        let told_twice = io::Error::other(io::Error::other("no such name"));
        let error = Error::NameNotResolved { host: "example.com".into(), source: told_twice };
        assert_eq!(telemetry::Chain(&error).to_string(), "no address found for example.com: no such name");
    }
}
