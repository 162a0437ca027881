//! A counter whose name does not end in `_total`.
use prometheus_client::{
    encoding::{EncodeMetric, MetricEncoder},
    metrics::{MetricType, TypedMetric, counter::Counter},
};
use std::fmt;

/// Kubernetes named some counters before the rule, and OpenMetrics allows a counter no other name. So these are shown as
/// values of unknown type: the names are what dashboards look for.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally(Counter);

impl Tally {
    pub(super) fn inc(&self) {
        self.0.inc();
    }
}

impl TypedMetric for Tally {
    const TYPE: MetricType = MetricType::Unknown;
}

impl EncodeMetric for Tally {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        encoder.encode_gauge(&self.0.get())
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}
