//! The store as readers see it: whoever finds the published blob of a source missing or damaged has it fetched again.
use crate::sources::Sources;
use artifacts::{Blob, BlobInfo, BlobKey, SourceKey, Store, StoreError};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use std::{ops::Range, sync::Arc};

/// Reads blobs. Clones read the same store.
#[derive(Clone)]
pub(crate) struct Shelf {
    store: Arc<dyn Store>,
    sources: Sources,
}

impl Shelf {
    pub(crate) fn new(store: Arc<dyn Store>, sources: Sources) -> Self {
        Self { store, sources }
    }

    /// What is known of a blob that is here and whole.
    pub(crate) async fn stat(&self, key: &BlobKey) -> Result<Option<BlobInfo>, StoreError> {
        let found = self.store.stat(key).await;
        self.missed(key, &found);
        found
    }

    /// A blob, or a part of it. Damage that shows only while it is read is told as well.
    pub(crate) async fn open(
        &self,
        key: &BlobKey,
        range: Option<Range<u64>>,
    ) -> Result<Option<Blob>, StoreError> {
        let opened = self.store.open(key, range).await;
        self.missed(key, &opened);
        let Some(blob) = opened? else { return Ok(None) };
        let (shelf, read) = (self.clone(), key.clone());
        let bytes = blob.bytes.inspect_err(move |error| {
            if is_damage(error) {
                shelf.tell(&read);
            }
        });
        Ok(Some(Blob { bytes: bytes.boxed(), ..blob }))
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

    fn missed<T>(&self, key: &BlobKey, found: &Result<Option<T>, StoreError>) {
        match found {
            Ok(None) => self.tell(key),
            Err(error) if is_damage(error) => self.tell(key),
            _ => {}
        }
    }

    /// Only what a status publishes counts: anybody may ask for what never was, and what is no longer published cannot
    /// be fetched again.
    fn tell(&self, key: &BlobKey) {
        if self.sources.publishes(key) {
            self.store.losses().tell(&key.source);
        }
    }
}

fn is_damage(error: &StoreError) -> bool {
    matches!(error, StoreError::Corrupt { .. })
}
