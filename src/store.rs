//! The store of this process: its operations counted, and what lies in it measured now and then.
mod counted;

use artifacts::{BlobInfo, Store, StoreError};
use counted::{Counted, Operations};
use prometheus_client::metrics::gauge::Gauge;
use std::{sync::Arc, time::Duration};
use telemetry::{Chain, metrics::Registry};
use tokio::time;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use url::Url;

/// How often everything is listed: seldom enough to cost nothing, often enough for a dashboard.
const MEASURING: Duration = Duration::from_secs(60);

/// What lies in the store. Counted by looking, since others than this process may have put it there or taken it away.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stock {
    blobs: Gauge,
    bytes: Gauge,
    cached: Gauge,
}

/// Opens the store at `url`, with copies in memory of `cache` bytes at most; its operations are counted in `registry`.
pub(crate) fn open(
    url: &Url,
    cache: u64,
    registry: &mut Registry,
) -> Result<(Arc<dyn Store>, Stock), StoreError> {
    let store = artifacts::store::open_cached(url, cache)?;
    let stock = Stock::default();
    registry.register("stored_blobs", "Blobs in the store", stock.blobs.clone());
    registry.register("stored_bytes", "Size of all blobs in the store", stock.bytes.clone());
    registry.register(
        "artifact_cache_bytes",
        "What copies of artifacts take in memory",
        stock.cached.clone(),
    );
    Ok((Arc::new(Counted::new(store, Operations::register(registry))), stock))
}

impl Stock {
    /// Measures now and then, until `shutdown`.
    pub(crate) async fn measure(
        self,
        store: Arc<dyn Store>,
        shutdown: CancellationToken,
    ) -> anyhow::Result<()> {
        let measuring = async {
            loop {
                self.cached.set(i64::try_from(store.cache().used()).unwrap_or(i64::MAX));
                match store.list(None).await {
                    Ok(blobs) => self.set(&blobs),
                    Err(error) => warn!(error = %Chain(&error), "could not measure the store"),
                }
                time::sleep(MEASURING).await;
            }
        };
        shutdown.run_until_cancelled(measuring).await;
        Ok(())
    }

    fn set(&self, blobs: &[BlobInfo]) {
        let bytes: u64 = blobs.iter().map(|blob| blob.size).sum();
        self.blobs.set(i64::try_from(blobs.len()).unwrap_or(i64::MAX));
        self.bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }
}
