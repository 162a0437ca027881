//! Errors of the pipeline and the store, in the words of the loop.
use crate::reconcile::{Failure, Retry};
use artifacts::{Error, StoreError};
use telemetry::Chain;

/// A pass that the pipeline could not finish.
pub(super) fn from_pipeline(error: &Error) -> Failure {
    Failure {
        reason: error.reason(),
        message: error.to_string(),
        retry: match error.retry() {
            artifacts::Retry::Soon => Retry::Soon,
            artifacts::Retry::AtInterval => Retry::AtInterval,
            artifacts::Retry::OnChange => Retry::OnChange,
        },
        retry_after: error.retry_after(),
        detail: Some(Chain(error).to_string()),
    }
}

/// A store that could not be asked for what is published; of that there may be a copy in memory.
pub(super) fn from_failing_store(error: &StoreError, is_copied: bool) -> Failure {
    let mut failure = from_store(error);
    if is_copied {
        failure.message.push_str("; the stored artifact is served from memory meanwhile");
    }
    failure
}

/// A store that could not be asked.
pub(super) fn from_store(error: &StoreError) -> Failure {
    Failure {
        reason: error.reason(),
        message: error.to_string(),
        retry: Retry::Soon,
        retry_after: None,
        detail: Some(Chain(error).to_string()),
    }
}
