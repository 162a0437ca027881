//! What follows from an error: a reason for machines, and when trying again makes sense.
use super::Error;
use crate::{pack::PackError, unpack::UnpackError};
use crds::reasons;
use http::StatusCode;
use std::{io, time::Duration};

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
            Self::InvalidProxy { .. } => reasons::INVALID_PROXY,
            Self::ProxyFailed { .. } | Self::ProxyRefused { .. } => reasons::PROXY_FAILED,
            Self::UnexpectedJson { .. } => reasons::UNEXPECTED_JSON,
            Self::InvalidCredentials { .. } => reasons::INVALID_CREDENTIALS,
            Self::InvalidPublicKey { .. } => reasons::INVALID_PUBLIC_KEY,
            Self::CredentialsRefused { .. } => reasons::UNAUTHORIZED,
            Self::Registry(error) => error.reason(),
            Self::ReadForbidden { .. } => reasons::FORBIDDEN,
            Self::EmptyPrefix { .. } | Self::NoRelease { .. } => reasons::NOT_FOUND,
            Self::TooManyObjects { .. } => reasons::TOO_LARGE,
            Self::UnsafeKey { .. } => reasons::UNSAFE_ARCHIVE,
            Self::AddressRefused { .. } => reasons::ADDRESS_REFUSED,
            Self::HostRefused { .. } => reasons::NOT_ALLOWED,
            Self::NameNotResolved { .. } => reasons::NAME_NOT_RESOLVED,
            Self::ConnectionFailed { .. } => reasons::CONNECTION_FAILED,
            Self::TlsFailed { .. } | Self::UnknownAuthority { .. } => reasons::TLS_FAILED,
            Self::TimedOut { .. } => reasons::TIMED_OUT,
            Self::Answered { status, limited, .. } => answered(*status, *limited),
            Self::UnexpectedContentType { .. } => reasons::UNEXPECTED_CONTENT_TYPE,
            Self::RedirectRefused { .. } => reasons::REDIRECT_REFUSED,
            Self::Truncated { .. } => reasons::TRUNCATED,
            Self::TooLarge { .. } => reasons::TOO_LARGE,
            Self::DigestMismatch { .. } | Self::NoChecksum { .. } => reasons::DIGEST_MISMATCH,
            Self::NotSpooled(source) if source.kind() == io::ErrorKind::StorageFull => reasons::STORE_FULL,
            Self::NotSpooled(_) => reasons::STORAGE_OPERATION_FAILED,
            Self::NoClient(_) | Self::PackerDied(_) => reasons::INTERNAL_ERROR,
            Self::Hook { failure, .. } => failure.reason(),
            Self::HookExecutor(_) => reasons::HOOK_EXECUTOR_UNAVAILABLE,
            Self::HooksNotEnabled => reasons::HOOK_NOT_ALLOWED,
            Self::Expression(error) => evaluating(error).0,
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
            | Self::InvalidProxy { .. }
            | Self::InvalidPublicKey { .. }
            | Self::InvalidCredentials { .. } => Retry::OnChange,
            Self::AddressRefused { .. }
            | Self::HostRefused { .. }
            | Self::CredentialsRefused { .. }
            | Self::Registry(_)
            | Self::ProxyRefused { .. }
            | Self::UnexpectedJson { .. }
            | Self::ReadForbidden { .. }
            | Self::EmptyPrefix { .. }
            | Self::TooManyObjects { .. }
            | Self::UnsafeKey { .. }
            | Self::UnexpectedContentType { .. }
            | Self::RedirectRefused { .. }
            | Self::TooLarge { .. }
            | Self::DigestMismatch { .. }
            | Self::NoRelease { .. }
            | Self::NoChecksum { .. }
            | Self::Pack(PackError::Path { .. }) => Retry::AtInterval,
            Self::HooksNotEnabled => Retry::AtInterval,
            Self::Hook { failure, .. } if !failure.is_disagreement() && !self.spends_retry() => {
                Retry::AtInterval
            }
            Self::Expression(error) => evaluating(error).1,
            Self::Unpack(error) => unpacking(error),
            Self::Answered { status, limited, .. } if !limited && !passes(*status) => Retry::AtInterval,
            Self::Answered { .. }
            | Self::NameNotResolved { .. }
            | Self::ConnectionFailed { .. }
            | Self::ProxyFailed { .. }
            | Self::TlsFailed { .. }
            | Self::UnknownAuthority { .. }
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

/// The data must change, or the spec; a process that could not be started or was killed is tried again.
fn evaluating(error: &expressions::Error) -> (&'static str, Retry) {
    use expressions::Error;
    match error {
        Error::Failed { .. } => (reasons::EXPRESSION_FAILED, Retry::AtInterval),
        Error::OverBudget { .. } | Error::TooLarge => (reasons::EXPRESSION_OVER_BUDGET, Retry::AtInterval),
        Error::Read(_) => (reasons::STORAGE_OPERATION_FAILED, Retry::Soon),
        _ => (reasons::INTERNAL_ERROR, Retry::Soon),
    }
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
