//! Why a proof of identity does not hold. For the log; whoever sent the proof learns only that it failed.
use crate::review::ReviewError;
use std::sync::Arc;
use thiserror::Error;

#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub(crate) enum Refusal {
    #[error("no front proxy: the client certificate does not chain to requestheader-client-ca-file")]
    UnknownFrontProxy {
        #[source]
        source: rustls::Error,
    },
    #[error("no front proxy: {common_name:?} is not one of requestheader-allowed-names")]
    WrongName { common_name: String },
    #[error("no user: the client certificate does not chain to client-ca-file")]
    UnknownClient {
        #[source]
        source: rustls::Error,
    },
    #[error("the client presented a chain of {0} certificates")]
    LongChain(usize),
    #[error("the subject of the client certificate cannot be read: {0}")]
    UnreadableSubject(&'static str),
    #[error("the header {0} is not valid UTF-8")]
    UnreadableHeader(http::HeaderName),
    #[error("the Authorization header is {0}")]
    UnreadableToken(&'static str),
    #[error("the bearer token is not valid")]
    InvalidToken,
    #[error("nobody vouches for the bearer token")]
    UncheckedToken {
        #[source]
        source: Arc<ReviewError>,
    },
}

impl Refusal {
    /// Whether the same request may succeed a moment later.
    pub(crate) fn is_overload(&self) -> bool {
        matches!(self, Self::UncheckedToken { source } if matches!(**source, ReviewError::Busy))
    }
}
