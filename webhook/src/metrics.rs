//! How many reviews there were, how they ended and how long they took.
use crate::{Step, review::Verdict};
use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};
use std::time::Duration;

/// The metrics of admission. Clones are the same metrics.
#[derive(Clone)]
pub(crate) struct Metrics {
    reviews: Family<Labels, Counter>,
    duration: Histogram,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    step: Step,
    outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
enum Outcome {
    Allowed,
    Changed,
    Refused,
}

impl Metrics {
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let buckets = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0];
        let metrics = Self { reviews: Family::default(), duration: Histogram::new(buckets) };
        metrics.begin_at_zero();
        registry.register("admission_reviews", "Admission reviews answered", metrics.reviews.clone());
        registry.register(
            "admission_duration_seconds",
            "Time from the last byte of a review to its verdict",
            metrics.duration.clone(),
        );
        metrics
    }

    pub(crate) fn record(&self, step: Step, verdict: &Verdict, took: Duration) {
        let outcome = match verdict {
            Verdict::Allowed { changes, .. } if changes.is_empty() => Outcome::Allowed,
            Verdict::Allowed { .. } => Outcome::Changed,
            Verdict::Refused(_) => Outcome::Refused,
        };
        self.reviews.get_or_create(&Labels { step, outcome }).inc();
        self.duration.observe(took.as_secs_f64());
    }

    /// A series that is there from the start shows its first event as a change.
    fn begin_at_zero(&self) {
        for step in [Step::Mutate, Step::Validate] {
            for outcome in [Outcome::Allowed, Outcome::Changed, Outcome::Refused] {
                drop(self.reviews.get_or_create(&Labels { step, outcome }));
            }
        }
    }
}
