//! What is counted of fetches, and of blobs that were lost or put away.
use artifacts::{
    Error,
    pipeline::{Fetched, Outcome},
};
use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};
use std::time::Duration;

/// Handles of the metrics of sources; clones count together.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    fetches: Family<Fetch, Counter>,
    duration: Histogram,
    body_size: Histogram,
    packed_size: Histogram,
    unpacked_size: Histogram,
    lost: Counter,
    collected: Family<Collected, Counter>,
    verified: Family<Looked, Counter>,
}

/// `reason` is that of the condition which reports a failure, and empty otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Fetch {
    outcome: Ended,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
enum Ended {
    Changed,
    Unchanged,
    NotModified,
    Failed,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Collected {
    reason: Why,
}

/// Why nobody keeps a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(super) enum Why {
    /// It fell out of the history, or was never published.
    Superseded,
    /// Its source is being deleted.
    Deleted,
    /// Its source is gone.
    Orphaned,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Looked {
    outcome: Verified,
}

/// What a look at a stored blob has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(super) enum Verified {
    /// It is what its digest says.
    Whole,
    /// It is damaged, or gone.
    Lost,
    /// The store failed.
    Unknown,
}

impl Metrics {
    /// Registers below `registry`, which gives the prefix.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let sizes = || Histogram::new([10, 14, 17, 20, 23, 26, 28].map(|bits| f64::from(1_u32 << bits)));
        let metrics = Self {
            fetches: Family::default(),
            duration: Histogram::new([0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0]),
            body_size: sizes(),
            packed_size: sizes(),
            unpacked_size: sizes(),
            lost: Counter::default(),
            collected: Family::default(),
            verified: Family::default(),
        };
        registry.register("fetches", "Fetches from sources, by how they ended", metrics.fetches.clone());
        let help = "Time from the request to the stored artifact";
        registry.register("fetch_duration_seconds", help, metrics.duration.clone());
        registry.register("fetch_body_bytes", "Size of bodies that were received", metrics.body_size.clone());
        let help = "Size of new artifacts, as stored";
        registry.register("artifact_packed_bytes", help, metrics.packed_size.clone());
        let help = "Size of new artifacts, before compression";
        registry.register("artifact_unpacked_bytes", help, metrics.unpacked_size.clone());
        let help = "Fetches because the published blob was missing or damaged";
        registry.register("blobs_lost", help, metrics.lost.clone());
        registry.register("blobs_collected", "Blobs removed, by why", metrics.collected.clone());
        let help = "Stored blobs looked at after a start, by what was found";
        registry.register("blobs_verified", help, metrics.verified.clone());
        metrics.begin_at_zero();
        metrics
    }

    /// A fetch has ended.
    pub(super) fn fetched(&self, result: &Result<Outcome, Error>, took: Duration) {
        let (outcome, reason) = match result {
            Ok(Outcome::NotModified { .. }) => (Ended::NotModified, ""),
            Ok(Outcome::Fetched(fetched)) if fetched.changed => (Ended::Changed, ""),
            Ok(Outcome::Fetched(_)) => (Ended::Unchanged, ""),
            Err(error) => (Ended::Failed, error.reason()),
        };
        self.fetches.get_or_create(&Fetch { outcome, reason }).inc();
        self.duration.observe(took.as_secs_f64());
        if let Ok(Outcome::Fetched(fetched)) = result {
            self.measure(fetched);
        }
    }

    /// The published blob was not there, or not whole.
    pub(super) fn lost(&self) {
        self.lost.inc();
    }

    /// A stored blob was looked at.
    pub(super) fn verified(&self, outcome: Verified) {
        self.verified.get_or_create(&Looked { outcome }).inc();
    }

    /// A blob was removed.
    pub(super) fn collected(&self, reason: Why) {
        self.collected.get_or_create(&Collected { reason }).inc();
    }

    fn measure(&self, fetched: &Fetched) {
        self.body_size.observe(fetched.content_size as f64);
        if fetched.changed {
            self.packed_size.observe(fetched.blob.size as f64);
            self.unpacked_size.observe(fetched.tar_size as f64);
        }
    }

    /// A series that is there from the start shows its first event as a change.
    fn begin_at_zero(&self) {
        for outcome in [Ended::Changed, Ended::Unchanged, Ended::NotModified] {
            drop(self.fetches.get_or_create(&Fetch { outcome, reason: "" }));
        }
        for reason in [Why::Superseded, Why::Deleted, Why::Orphaned] {
            drop(self.collected.get_or_create(&Collected { reason }));
        }
        for outcome in [Verified::Whole, Verified::Lost, Verified::Unknown] {
            drop(self.verified.get_or_create(&Looked { outcome }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::external_source::artifact::tests::fetched;
    use prometheus_client::encoding::text::encode;

    #[test]
    fn a_fetch_is_counted_by_how_it_ended() {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        let equal = Fetched { changed: false, ..fetched("one", 1) };
        let refused = Error::Store(artifacts::StoreError::DigestMismatch {
            key: equal.blob.key.clone(),
            found: equal.content_digest,
        });
        for result in [
            Ok(Outcome::Fetched(fetched("one", 1))),
            Ok(Outcome::Fetched(equal)),
            Ok(Outcome::NotModified { pause: None, validators: None }),
            Err(refused),
        ] {
            metrics.fetched(&result, Duration::from_secs(2));
        }
        let mut text = String::new();
        encode(&mut text, &registry).expect("memory");
        for line in [
            r#"fetches_total{outcome="Changed",reason=""} 1"#,
            r#"fetches_total{outcome="Unchanged",reason=""} 1"#,
            r#"fetches_total{outcome="NotModified",reason=""} 1"#,
            r#"fetches_total{outcome="Failed",reason="StorageOperationFailed"} 1"#,
            "fetch_duration_seconds_sum 8",
            "fetch_body_bytes_sum 8",
            "artifact_packed_bytes_sum 7",
            "artifact_unpacked_bytes_sum 9",
            r#"blobs_collected_total{reason="Orphaned"} 0"#,
        ] {
            assert!(text.lines().any(|found| found.trim_end_matches(".0") == line), "{line} in\n{text}");
        }
    }
}
