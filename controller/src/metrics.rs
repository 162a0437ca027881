//! What the controller counts: the loop, and the work of each kind.
use crate::{
    external_source, questions,
    reconcile::{self, Sent, Toolkit},
};
use prometheus_client::registry::Registry;

/// Handles of all metrics of the controller; clones count together.
#[derive(Clone, Debug)]
pub struct Metrics {
    pub(crate) passes: reconcile::Metrics,
    pub(crate) alerts: Sent,
    pub(crate) external_sources: external_source::Metrics,
    pub(crate) previews: questions::Metrics,
    /// Of the expressions that sources have: for the pipeline that evaluates them.
    pub evaluations: expressions::Metrics,
}

impl Metrics {
    /// Registers below `registry`, which gives the prefix; `toolkit` has been registered where there is none.
    pub fn register(registry: &mut Registry, toolkit: Toolkit) -> Self {
        Self {
            passes: reconcile::Metrics::register(registry, toolkit),
            alerts: Sent::register(registry),
            external_sources: external_source::Metrics::register(registry),
            previews: questions::Metrics::register(registry),
            evaluations: expressions::Metrics::register(registry),
        }
    }
}
