//! Reads every blob that a status names once after a start, slowly, so that damage is known before somebody needs what is damaged.
//!
//! The newest blob of a source is verified by its first pass anyway. This is for the others: what the history keeps, what is pinned,
//! what waits. Whoever reads a blob that was verified here has it without another look, as long as its file stays.
use super::{ExternalSources, Metrics, collect, key, metrics::Verified};
use crate::reconcile::{Guarded, Note, Queue};
use artifacts::{BlobKey, SourceKey, Store, StoreError};
use crds::{ExternalSource, reasons};
use kube::{ResourceExt, runtime::reflector};
use std::{
    collections::{BTreeMap, BTreeSet},
    future::pending,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::time::sleep;
use tracing::{info, warn};

/// Blobs that cannot be served, until the next pass over their source tells of them. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Damages(Arc<Mutex<BTreeMap<SourceKey, BTreeSet<BlobKey>>>>);

impl Damages {
    /// What people should hear of the blobs of that source.
    pub(super) fn notes(&self, source: &SourceKey) -> Vec<Note> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(source);
        let message = |blob: BlobKey| {
            let revision = artifacts::short_revision(&blob.digest);
            format!(
                "the stored bytes of revision {revision} are damaged or missing and cannot be served; the newest revision is fetched \
                 again by itself, an older one comes back only from a backup of the store, and otherwise leaves with the history"
            )
        };
        let note = |blob| Note::warning(reasons::STORED_REVISION_DAMAGED, message(blob));
        found.into_iter().flatten().map(note).collect()
    }

    fn add(&self, blob: BlobKey) {
        let mut damages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        damages.entry(blob.source.clone()).or_default().insert(blob);
    }
}

/// How blobs are verified.
pub(crate) struct Verification<'a> {
    pub(crate) store: &'a dyn Store,
    /// Bytes a second; 0: not at all.
    pub(crate) rate: u64,
    pub(crate) damages: Damages,
    pub(crate) metrics: &'a Metrics,
    pub(crate) queue: Queue,
}

impl Verification<'_> {
    /// Looks at everything once. Never returns.
    pub(crate) async fn run(self, sources: &reflector::Store<Guarded<ExternalSources>>) {
        if self.rate > 0 && sources.wait_until_ready().await.is_ok() {
            let (mut blobs, mut bytes) = (0, 0);
            for source in sources.state() {
                let Ok(source) = &source.0 else { continue };
                for blob in named(source) {
                    bytes += self.verify(source, blob).await;
                    blobs += 1;
                }
            }
            info!(blobs, bytes, "verified what is stored");
        }
        pending::<()>().await;
    }

    /// How many bytes it has. It takes as long as the rate says.
    async fn verify(&self, source: &ExternalSource, blob: BlobKey) -> u64 {
        let began = Instant::now();
        let size = match self.look(&blob).await {
            Ok(Some(size)) => {
                self.metrics.verified(Verified::Whole);
                size
            }
            Ok(None) => {
                self.metrics.verified(Verified::Lost);
                self.damages.add(blob);
                self.queue.wake(&source.namespace().unwrap_or_default(), &source.name_any()).await;
                0
            }
            Err(error) => {
                self.metrics.verified(Verified::Unknown);
                warn!(error = %telemetry::Chain(&error), "could not verify a stored blob");
                0
            }
        };
        sleep(pause(size, self.rate).saturating_sub(began.elapsed())).await;
        size
    }

    async fn look(&self, blob: &BlobKey) -> Result<Option<u64>, StoreError> {
        Ok(self.store.stat(blob).await?.map(|found| found.size))
    }
}

/// What its spec and its status speak of.
fn named(source: &ExternalSource) -> Vec<BlobKey> {
    let (Some(status), Ok(owner)) = (&source.status, key(&source.metadata)) else { return Vec::new() };
    let mut named: Vec<_> = collect::kept(source, status, &owner).into_iter().collect();
    named.sort();
    named
}

fn pause(bytes: u64, rate: u64) -> Duration {
    Duration::from_millis(bytes.saturating_mul(1_000) / rate.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use artifacts::Digest;

    #[test]
    fn so_many_bytes_take_so_long() {
        assert_eq!(pause(16 << 20, 16 << 20), Duration::from_secs(1));
        assert_eq!(pause(0, 1), Duration::ZERO);
        assert_eq!(pause(1, 0), Duration::from_secs(1));
    }

    #[test]
    fn damage_is_told_once() {
        let damages = Damages::default();
        let source = SourceKey::new("apps", "podinfo").unwrap();
        let blob = BlobKey { source: source.clone(), digest: Digest::of(b"1") };
        damages.add(blob.clone());
        damages.add(blob);
        let notes = damages.notes(&source);
        assert!(notes.len() == 1 && notes[0].warning, "{notes:?}");
        assert!(notes[0].message.starts_with("the stored bytes of revision latest@sha256:"), "{notes:?}");
        assert_eq!(damages.notes(&source), []);
    }
}
