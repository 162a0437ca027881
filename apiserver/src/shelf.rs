//! The store as readers see it: whoever finds the published blob of a source missing or damaged has it fetched again, and
//! while the store fails, what is published is read from the copies in memory.
mod outage;

use crate::sources::Sources;
use artifacts::{
    Blob, BlobInfo, BlobKey, SourceKey, Store, StoreError,
    store::{Cache, Pieces},
};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use outage::Outage;
use prometheus_client::{metrics::counter::Counter, registry::Registry};
use std::{
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};
use telemetry::Chain;
use tokio::time::timeout;
use tracing::warn;

/// How long a store may take to find a blob of which there is a copy.
const PATIENCE: Duration = Duration::from_secs(1);

/// Reads blobs. Clones read the same store.
#[derive(Clone)]
pub(crate) struct Shelf {
    store: Arc<dyn Store>,
    sources: Sources,
    outage: Arc<Outage>,
    /// Blobs that were read from memory since the store failed.
    substituted: Counter,
}

impl Shelf {
    pub(crate) fn new(store: Arc<dyn Store>, sources: Sources) -> Self {
        Self { store, sources, outage: Arc::default(), substituted: Counter::default() }
    }

    /// Counts below `registry`, which gives the prefix.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let help = "Blobs read from memory because the store failed";
        registry.register("artifacts_from_memory", help, self.substituted.clone());
    }

    /// What is known of a blob that is here and whole.
    pub(crate) async fn stat(&self, key: &BlobKey) -> Result<Option<BlobInfo>, StoreError> {
        self.ask(key, self.store.stat(key), |copies| copies.stat(key)).await
    }

    /// A blob, or a part of it. Damage that shows only while it is read is told as well.
    pub(crate) async fn open(
        &self,
        key: &BlobKey,
        range: Option<Range<u64>>,
    ) -> Result<Option<Blob>, StoreError> {
        let copied = |copies: &Cache| {
            let copy = copies.open(key, range.as_ref());
            self.substituted.inc_by(copy.is_some().into());
            copy
        };
        if let Some(copy) = self.store.cache().fresh(key, range.as_ref(), Instant::now()) {
            return Ok(Some(copy));
        }
        let opened = self.ask(key, self.store.open(key, range.clone()), copied).await?;
        let Some(blob) = opened else { return Ok(None) };
        let (shelf, read) = (self.clone(), key.clone());
        let bytes = blob.bytes.inspect_err(move |error| {
            if is_damage(error) {
                shelf.tell(&read);
            }
        });
        let blob = Blob { bytes: Pieces::Coming(bytes.boxed()), ..blob };
        Ok(Some(if self.sources.publishes(key) { self.store.cache().copying(blob) } else { blob }))
    }

    /// The record of a blob.
    pub(crate) async fn attached(&self, key: &BlobKey) -> Result<Option<Bytes>, StoreError> {
        self.store.attached(key).await
    }

    /// Whether a revision whose digest begins with these digits was published once.
    pub(crate) async fn was_published(&self, source: &SourceKey, digits: &str) -> Result<bool, StoreError> {
        let retired = self.store.retired(source).await?;
        Ok(retired.iter().any(|digest| digest.hex().starts_with(digits)))
    }

    /// What the store says; or, if it does not, what the copy of a published blob says. A store that has just failed is
    /// not asked again at once: its readers would all wait for its retries.
    async fn ask<T>(
        &self,
        key: &BlobKey,
        asking: impl Future<Output = Result<Option<T>, StoreError>>,
        copied: impl Fn(&Cache) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        let copies = self.store.cache();
        if !copies.holds(key) || !self.sources.publishes(key) {
            let found = asking.await;
            self.missed(key, &found);
            return found;
        }
        if self.outage.lasts(Instant::now())
            && let Some(copy) = copied(copies)
        {
            return Ok(Some(copy));
        }
        let late = |late| Err(StoreError::Failed { attempt: "looking for a blob", source: Box::new(late) });
        match timeout(PATIENCE, asking).await.unwrap_or_else(late) {
            Err(error) if !is_damage(&error) => {
                warn!(error = %Chain(&error), "the store failed, what is published is read from memory");
                self.outage.begins(Instant::now());
                self.tell_of_failure(key);
                copied(copies).map_or(Err(error), |copy| Ok(Some(copy)))
            }
            answered => {
                self.outage.ends();
                self.missed(key, &answered);
                if matches!(answered, Ok(Some(_))) {
                    copies.confirm(key, Instant::now());
                }
                answered
            }
        }
    }

    fn missed<T>(&self, key: &BlobKey, found: &Result<Option<T>, StoreError>) {
        match found {
            Ok(Some(_)) => {}
            Ok(None) => self.tell(key),
            Err(error) if is_damage(error) => self.tell(key),
            Err(_) => self.tell_of_failure(key),
        }
    }

    /// Only what a status publishes counts: anybody may ask for what never was, and what is no longer published cannot
    /// be fetched again.
    fn tell(&self, key: &BlobKey) {
        if self.sources.publishes(key) {
            self.store.losses().tell(&key.source);
        }
    }

    /// A source that calls itself ready has to say so. One that does not is tried again by its own pauses, which a pass
    /// for each reader would use up.
    fn tell_of_failure(&self, key: &BlobKey) {
        if self.sources.publishes(key) && self.sources.is_called_ready(&key.source) {
            self.store.losses().tell(&key.source);
        }
    }
}

fn is_damage(error: &StoreError) -> bool {
    matches!(error, StoreError::Corrupt { .. })
}
