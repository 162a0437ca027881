//! What is counted of previews.
use http::StatusCode;
use previews::{Answer, Refusal};
use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};
use std::time::Duration;

/// Handles of the metrics of previews; clones count together.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    answered: Family<Labels, Counter>,
    duration: Histogram,
    pub(super) refused: Refused,
}

/// Counts the callers of a controller's listener that it refuses; clones count together.
#[derive(Clone, Debug, Default)]
pub struct Refused(Family<Caller, Counter>);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Caller {
    reason: Why,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
enum Why {
    Unauthorized,
    Forbidden,
    Unreviewed,
}

impl Refused {
    /// Somebody was refused with this code.
    pub(super) fn count(&self, code: StatusCode) {
        let reason = match code {
            StatusCode::UNAUTHORIZED => Why::Unauthorized,
            StatusCode::FORBIDDEN => Why::Forbidden,
            _ => Why::Unreviewed,
        };
        self.0.get_or_create(&Caller { reason }).inc();
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
enum Outcome {
    Succeeded,
    Invalid,
    Failed,
    Unavailable,
}

impl Metrics {
    /// Registers below `registry`, which gives the prefix.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let duration = Histogram::new([0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 60.0]);
        let metrics = Self { answered: Family::default(), duration, refused: Refused::default() };
        registry.register("previews", "Previews, by how they ended", metrics.answered.clone());
        let help = "Time that previews took, without waiting for their turn";
        registry.register("preview_duration_seconds", help, metrics.duration.clone());
        let help = "Callers whom the controller's listener has refused, by why";
        registry.register("preview_callers_refused", help, metrics.refused.0.clone());
        for reason in [Why::Unauthorized, Why::Forbidden, Why::Unreviewed] {
            drop(metrics.refused.0.get_or_create(&Caller { reason }));
        }
        for outcome in [Outcome::Succeeded, Outcome::Invalid, Outcome::Failed, Outcome::Unavailable] {
            drop(metrics.answered.get_or_create(&Labels { outcome }));
        }
        metrics
    }

    /// A preview has ended.
    pub(super) fn answered(&self, said: &Result<Answer, Refusal>, took: Duration) {
        let outcome = match said {
            Ok(_) => Outcome::Succeeded,
            Err(Refusal::Invalid(_)) => Outcome::Invalid,
            Err(Refusal::Failed { .. }) => Outcome::Failed,
            Err(Refusal::Unavailable(_)) => Outcome::Unavailable,
        };
        self.answered.get_or_create(&Labels { outcome }).inc();
        self.duration.observe(took.as_secs_f64());
    }
}

/// The reason of a refusal, for logs.
pub(super) fn reason(refusal: &Refusal) -> &str {
    match refusal {
        Refusal::Invalid(_) => crds::reasons::INVALID_SPEC,
        Refusal::Failed { reason, .. } => reason,
        Refusal::Unavailable(_) => "Unavailable",
    }
}
