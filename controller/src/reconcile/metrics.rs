//! What the loop counts.
use super::Toolkit;
use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use std::time::Duration;
use telemetry::metrics::Running;

/// Handles of the loop's metrics; clones count together.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    passes: Family<Pass, Counter>,
    duration: Family<OfKind, Histogram>,
    running: Family<OfKind, Gauge>,
    writes: Family<OfKind, Counter>,
    leading: Gauge,
    /// What Flux's dashboards are told.
    pub(super) toolkit: Toolkit,
}

/// Kind and reason are constants of `crds`, and the reason is empty where there is nothing to report.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Pass {
    kind: &'static str,
    outcome: Outcome,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfKind {
    kind: &'static str,
}

/// How a pass ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum Outcome {
    Succeeded,
    Rested,
    Suspended,
    Failed,
}

impl Metrics {
    /// Registers below `registry`, which gives the prefix.
    pub(crate) fn register(registry: &mut Registry, toolkit: Toolkit) -> Self {
        let buckets = || Histogram::new([0.005, 0.02, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0]);
        let metrics = Self {
            passes: Family::default(),
            duration: Family::new_with_constructor(buckets),
            running: Family::default(),
            writes: Family::default(),
            leading: Gauge::default(),
            toolkit,
        };
        registry.register("reconcile", "Passes, by how they ended", metrics.passes.clone());
        registry.register("reconcile_duration_seconds", "How long passes took", metrics.duration.clone());
        registry.register("reconcile_running", "Passes that run now", metrics.running.clone());
        registry.register("status_writes", "Statuses written", metrics.writes.clone());
        registry.register("leading", "Whether this process is the leader", metrics.leading.clone());
        metrics
    }

    /// This process leads, until the answer is dropped.
    pub(crate) fn lead(&self) -> Running {
        Running::new(self.leading.clone())
    }

    /// A series that is there from the start shows its first event as a change.
    pub(super) fn begin_at_zero(&self, kind: &'static str) {
        let (outcome, reason) = (Outcome::Succeeded, crds::reasons::SUCCEEDED);
        drop(self.passes.get_or_create(&Pass { kind, outcome, reason }));
        drop(self.duration.get_or_create(&OfKind { kind }));
        drop(self.running.get_or_create(&OfKind { kind }));
        drop(self.writes.get_or_create(&OfKind { kind }));
    }

    pub(super) fn begin(&self, kind: &'static str) -> Running {
        Running::new(self.running.get_or_create_owned(&OfKind { kind }))
    }

    pub(super) fn end(&self, kind: &'static str, outcome: Outcome, reason: &'static str, took: Duration) {
        self.passes.get_or_create(&Pass { kind, outcome, reason }).inc();
        self.duration.get_or_create(&OfKind { kind }).observe(took.as_secs_f64());
    }

    pub(super) fn wrote(&self, kind: &'static str) {
        self.writes.get_or_create(&OfKind { kind }).inc();
    }
}
