//! What the controller counts: the loop, and the work of each kind.
use crate::{external_source, reconcile};
use prometheus_client::registry::Registry;

/// Handles of all metrics of the controller; clones count together.
#[derive(Clone, Debug)]
pub struct Metrics {
    pub(crate) passes: reconcile::Metrics,
    pub(crate) external_sources: external_source::Metrics,
}

impl Metrics {
    /// Registers below `registry`, which gives the prefix.
    pub fn register(registry: &mut Registry) -> Self {
        Self {
            passes: reconcile::Metrics::register(registry),
            external_sources: external_source::Metrics::register(registry),
        }
    }
}
