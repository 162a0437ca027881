//! What a pass over a source tells of itself beside the steps of the pipeline: how it begins and ends.
use crate::{
    logs::Logs,
    reconcile::{Done, Failure, Next},
};
use artifacts::SourceKey;

pub(super) fn begin(logs: &Logs, source: &SourceKey, generation: Option<i64>) {
    logs.write(source, format_args!("a pass begins, for generation {}", generation.unwrap_or_default()));
}

/// The source says that what is stored is the newest.
pub(super) fn unchanged(logs: &Logs, source: &SourceKey) {
    logs.write(source, format_args!("unchanged: what is stored is the newest"));
}

pub(super) fn published(logs: &Logs, source: &SourceKey, revision: &str) {
    logs.write(source, format_args!("published revision {revision}"));
}

/// A pass that had nothing to do says nothing.
pub(super) fn end(logs: &Logs, source: &SourceKey, outcome: &Result<Done, Failure>, next: Next) {
    let when = match next {
        Next::At(time) => format!("at {time:.0}"),
        Next::Unknown | Next::OnChange => "on a change".to_owned(),
    };
    match outcome {
        Ok(Done::Rested { .. }) => {}
        Ok(Done::Suspended) => logs.write(source, format_args!("suspended: nothing is done")),
        Ok(Done::Ready { message, .. }) => {
            logs.write(source, format_args!("the pass went well: {message}; the next one is due {when}"));
        }
        Err(Failure { reason, message, .. }) => {
            logs.write(
                source,
                format_args!("the pass failed: {reason}: {message}; it is tried again {when}"),
            );
        }
    }
}
