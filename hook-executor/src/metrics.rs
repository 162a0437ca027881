//! What is counted of commands.
use hooks::protocol::Ended;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use std::time::Duration;
use telemetry::metrics::Running;

/// Handles; clones count together.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    runs: Family<Labels, Counter>,
    duration: Histogram,
    running: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    outcome: &'static str,
}

impl Metrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            runs: Family::default(),
            duration: Histogram::new([0.005, 0.02, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0]),
            running: Gauge::default(),
        };
        registry.register(
            "hook_runs",
            "Commands that hooks asked for, by how they ended",
            metrics.runs.clone(),
        );
        let help = "Time from the start of a command to its end";
        registry.register("hook_run_duration_seconds", help, metrics.duration.clone());
        registry.register("hook_running", "Commands that run now", metrics.running.clone());
        for outcome in ["Denied", Ended::Exited(0).label(), Ended::Exited(1).label()] {
            drop(metrics.runs.get_or_create(&Labels { outcome }));
        }
        metrics
    }

    /// A command runs, until the answer is dropped.
    pub(crate) fn begin(&self) -> Running {
        Running::new(self.running.clone())
    }

    pub(crate) fn ended(&self, ended: Ended, took: Duration) {
        self.runs.get_or_create(&Labels { outcome: ended.label() }).inc();
        self.duration.observe(took.as_secs_f64());
    }

    pub(crate) fn denied(&self) {
        self.runs.get_or_create(&Labels { outcome: "Denied" }).inc();
    }
}
