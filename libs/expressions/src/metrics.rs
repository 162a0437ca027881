//! What is counted of evaluations.
use crate::Error;
use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};
use std::time::Duration;

/// Handles of the metrics of evaluations; clones count together.
#[derive(Clone, Debug)]
pub struct Metrics {
    evaluations: Family<Labels, Counter>,
    duration: Histogram,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
enum Outcome {
    Succeeded,
    Failed,
    OverBudget,
    Unavailable,
}

impl Outcome {
    fn of<T>(result: &Result<T, Error>) -> Self {
        match result {
            Ok(_) => Self::Succeeded,
            Err(Error::Failed { .. }) => Self::Failed,
            Err(Error::OverBudget { .. } | Error::TooLarge) => Self::OverBudget,
            Err(Error::Unavailable { .. } | Error::Read(_)) => Self::Unavailable,
        }
    }
}

/// Counts what nobody reads.
impl Default for Metrics {
    fn default() -> Self {
        let duration = Histogram::new([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1., 5., 30.]);
        Self { evaluations: Family::default(), duration }
    }
}

impl Metrics {
    /// Registers below `registry`, which gives the prefix.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let help = "Evaluations of the expressions of a pass or a preview, by how they ended";
        registry.register("expression_evaluations", help, metrics.evaluations.clone());
        let help = "Time that they took, without waiting for their turn";
        registry.register("expression_evaluation_duration_seconds", help, metrics.duration.clone());
        // A series that is there from the start shows its first event as a change.
        for outcome in [Outcome::Succeeded, Outcome::Failed, Outcome::OverBudget, Outcome::Unavailable] {
            drop(metrics.evaluations.get_or_create(&Labels { outcome }));
        }
        metrics
    }

    /// A process has evaluated, or has not come to it.
    pub(crate) fn evaluated<T>(&self, result: &Result<T, Error>, took: Duration) {
        self.evaluations.get_or_create(&Labels { outcome: Outcome::of(result) }).inc();
        self.duration.observe(took.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::encoding::text::encode;
    use std::io;

    #[test]
    fn an_evaluation_is_counted_by_how_it_ended() {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        let field = || "spec.transform.cel".to_owned();
        for result in [
            Ok(()),
            Ok(()),
            Err(Error::Failed { field: field(), problem: "none".into() }),
            Err(Error::OverBudget { field: field(), excess: "too much" }),
        ] {
            metrics.evaluated(&result, Duration::from_millis(500));
        }
        let died = Error::Unavailable { field: field(), source: io::ErrorKind::TimedOut.into() };
        metrics.clone().evaluated::<()>(&Err(died), Duration::from_secs(30));
        let mut text = String::new();
        encode(&mut text, &registry).expect("memory");
        for line in [
            r#"expression_evaluations_total{outcome="Succeeded"} 2"#,
            r#"expression_evaluations_total{outcome="Failed"} 1"#,
            r#"expression_evaluations_total{outcome="OverBudget"} 1"#,
            r#"expression_evaluations_total{outcome="Unavailable"} 1"#,
            "expression_evaluation_duration_seconds_sum 32",
            "expression_evaluation_duration_seconds_count 5",
        ] {
            assert!(text.lines().any(|found| found.trim_end_matches(".0") == line), "{line} in\n{text}");
        }
    }
}
