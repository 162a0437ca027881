//! What hooks of a pass leave behind: the tries that they share, and what people should hear of those that are ignored.
use super::ExternalSources;
use crate::reconcile::{Failure, Note, Retry, Work};
use artifacts::{Error, Ignored, pipeline::Outcome};
use crds::{external_source::DEFAULT_MAX_RETRIES, reasons};

/// Tells of hooks that failed, or were `left_out`, and may. Whatever went well gives all tries back.
pub(super) fn tell(
    work: &mut Work<'_, ExternalSources>,
    result: &Result<Outcome, Error>,
    left_out: &[Ignored],
) {
    let Ok(outcome) = result else { return };
    work.memory.own.hook_retries = 0;
    if let Outcome::Fetched(fetched) = outcome {
        for ignored in left_out.iter().chain(&fetched.ignored) {
            work.notes.push(Note::warning(reasons::HOOK_IGNORED, ignored.to_string()));
        }
    }
}

/// Takes one of the tries that all hooks share. With the last one gone, the next pass is due at the interval and has them all again.
pub(super) fn spend(work: &mut Work<'_, ExternalSources>, error: &Error, failure: Failure) -> Failure {
    if !error.spends_retry() {
        return failure;
    }
    let most = match work.object.spec.max_retries {
        0 => DEFAULT_MAX_RETRIES,
        given => given,
    };
    // Another spec has tries of its own.
    let is_same = work.memory.generation == work.object.metadata.generation;
    let spent = if is_same { work.memory.own.hook_retries } else { 0 };
    let (spent, failure) = counted(spent, most, failure);
    work.memory.own.hook_retries = spent;
    failure
}

fn counted(spent: i64, most: i64, failure: Failure) -> (i64, Failure) {
    if spent < most {
        return (spent + 1, failure);
    }
    let message = format!("{}; all {most} retries of spec.maxRetries are used up", failure.message);
    let (reason, retry) = (reasons::MAX_RETRIES_EXCEEDED, Retry::AtInterval);
    (0, Failure { reason, message, retry, ..failure })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure() -> Failure {
        Failure { retry: Retry::Soon, ..Failure::stalled(reasons::HOOK_FAILED, "it failed") }
    }

    #[test]
    fn a_hook_runs_once_and_as_often_again_as_max_retries_says() {
        let mut spent = 0;
        let mut tried = Vec::new();
        for _ in 0..8 {
            let (next, failure) = counted(spent, 3, failure());
            spent = next;
            tried.push((failure.retry == Retry::Soon, failure.reason));
        }
        let round =
            [(true, "HookFailed"), (true, "HookFailed"), (true, "HookFailed"), (false, "MaxRetriesExceeded")];
        assert_eq!(tried, [round, round].concat());
    }

    #[test]
    fn the_last_failure_names_the_hook_and_the_limit() {
        let (_, failure) = counted(1, 1, failure());
        assert_eq!(failure.message, "it failed; all 1 retries of spec.maxRetries are used up");
    }
}
