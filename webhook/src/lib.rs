//! Says yes or no to a write, and fills in defaults. It has no rule of its own: those are in `crds`.
//!
//! `/mutate` completes a spec and refuses what breaks a rule; `/validate` asks the same rules about what all other
//! webhooks made of it. What does not decode passes `/mutate` untouched, because kube-apiserver's schema check, which
//! runs between the two, names every structural error at once. A dry run may be told what would become of it:
//! `dry_run.rs`. Imports `crds`, `installation`, `previews`, `telemetry` and the HTTP serving of `extension-apiserver`. Start with
//! `admit.rs`; a new kind is one row in `kinds.rs`.
mod admit;
mod budget;
mod dry_run;
mod endpoint;
mod judge;
mod kinds;
mod metrics;
mod patch;
mod refusal;
mod review;

pub use endpoint::Webhook;

use prometheus_client::encoding::EncodeLabelValue;

/// Which of the two webhooks is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
enum Step {
    /// May change the object. The schema is checked afterwards.
    Mutate,
    /// Sees what will be stored.
    Validate,
}

#[cfg(test)]
mod tests;
