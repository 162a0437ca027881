//! The registry of metrics, with what every process tells about itself.
//!
//! Names are `postern_<noun>_<unit>[_total]`; labels come from closed sets (`kind`, `reason`, `outcome`), so that no
//! user can grow the number of series.
mod process;

use prometheus_client::metrics::{gauge::Gauge, info::Info};

pub use prometheus_client::registry::Registry;

/// A registry that knows the process and the version it runs. Components register below [`postern`].
pub fn registry(version: &'static str) -> Registry {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(process::Process));
    postern(&mut registry).register("build", "The version that runs", Info::new([("version", version)]));
    registry
}

/// Where Postern's own metrics go: a name that is registered here gets `postern_` in front.
pub fn postern(registry: &mut Registry) -> &mut Registry {
    registry.sub_registry_with_prefix("postern")
}

/// Something that goes on; a gauge counts it until this is dropped, however it ends.
#[derive(Debug)]
pub struct Running(Gauge);

impl Running {
    /// One more.
    pub fn new(gauge: Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.dec();
    }
}
