//! The one store that there is: answers [`Store`] from a backend of object_store.
use super::{
    Blob, BlobInfo, BlobKey, Cache, Losses, Pieces, SourceKey, StagedKey, Store, StoreError, Stored, Upload,
    backend::Backend, existing, upload::Staged,
};
use crate::Digest;
use bytes::Bytes;
use futures::{FutureExt, StreamExt, TryStreamExt, future::BoxFuture, stream};
use object_store::ObjectStoreExt;
use std::{ops::Range, sync::Arc};

/// A store. Uploads share its backend, since they outlive the call that began them.
#[derive(Clone, Debug)]
pub(super) struct Objects(pub(super) Arc<Backend>);

impl Objects {
    /// The store of that backend.
    pub(super) fn new(backend: Backend) -> Self {
        Self(Arc::new(backend))
    }

    async fn info(&self, key: &BlobKey) -> Result<Option<BlobInfo>, StoreError> {
        let Some(content) = self.0.content(key).await? else {
            return Ok(None);
        };
        let whole = self.0.judge(key, &content).await?;
        Ok(whole.then(|| BlobInfo { key: key.clone(), size: content.size, stored_at: content.stored_at }))
    }

    async fn blob(&self, key: &BlobKey, range: Option<Range<u64>>) -> Result<Option<Blob>, StoreError> {
        let Some(content) = self.0.content(key).await? else {
            return Ok(None);
        };
        if !self.0.judge(key, &content).await? {
            return Err(StoreError::Corrupt { key: key.clone() });
        }
        let size = content.size;
        let range = existing(range.as_ref(), size);
        let info = BlobInfo { key: key.clone(), size, stored_at: content.stored_at };
        let mut bytes = content.guarded(key.clone(), range.clone());
        if content.is_remote() {
            // A store that does not answer is told of now, not in the midst of an answer that began well.
            let first = bytes.try_next().await?;
            bytes = stream::iter(first.map(Ok)).chain(bytes).boxed();
        }
        Ok(Some(Blob { info, range, bytes: Pieces::Coming(bytes) }))
    }

    async fn probe(&self) -> Result<(), StoreError> {
        const PROBE: &[u8] = b"postern";
        let path = self.0.stage().await?;
        self.0.write(&path, vec![Bytes::from_static(PROBE)], "writing a probe").await?;
        let read = async { self.0.objects.get(&path).await?.bytes().await };
        let read = read.await.map_err(|error| StoreError::read("reading a probe", error));
        self.0.delete(&path, "removing a probe").await?;
        match read?.as_ref() == PROBE {
            true => Ok(()),
            false => Err(StoreError::read("reading a probe", "other bytes came back than were written")),
        }
    }
}

impl Store for Objects {
    fn begin(&self) -> BoxFuture<'_, Result<Box<dyn Upload>, StoreError>> {
        let upload: Box<dyn Upload> = Box::new(Staged::new(Arc::clone(&self.0)));
        async move { Ok(upload) }.boxed()
    }

    fn stat<'a>(&'a self, key: &'a BlobKey) -> BoxFuture<'a, Result<Option<BlobInfo>, StoreError>> {
        self.info(key).boxed()
    }

    fn open<'a>(
        &'a self,
        key: &'a BlobKey,
        range: Option<Range<u64>>,
    ) -> BoxFuture<'a, Result<Option<Blob>, StoreError>> {
        self.blob(key, range).boxed()
    }

    fn list<'a>(&'a self, source: Option<&'a SourceKey>) -> BoxFuture<'a, Result<Vec<BlobInfo>, StoreError>> {
        self.0.list(source).boxed()
    }

    fn attach<'a>(&'a self, key: &'a BlobKey, record: Bytes) -> BoxFuture<'a, Result<(), StoreError>> {
        self.0.attach(key, record).boxed()
    }

    fn attached<'a>(&'a self, key: &'a BlobKey) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>> {
        self.0.attached(key).boxed()
    }

    fn remove<'a>(&'a self, key: &'a BlobKey) -> BoxFuture<'a, Result<(), StoreError>> {
        self.0.remove(key).boxed()
    }

    fn collect<'a>(&'a self, blob: &'a BlobInfo) -> BoxFuture<'a, Result<bool, StoreError>> {
        self.0.collect(blob).boxed()
    }

    fn staged(&self) -> BoxFuture<'_, Result<Vec<Stored<StagedKey>>, StoreError>> {
        self.0.staged().boxed()
    }

    fn unstage<'a>(&'a self, left: &'a Stored<StagedKey>) -> BoxFuture<'a, Result<bool, StoreError>> {
        self.0.unstage(left).boxed()
    }

    fn retire<'a>(&'a self, key: &'a BlobKey) -> BoxFuture<'a, Result<(), StoreError>> {
        self.0.retire(key).boxed()
    }

    fn retired<'a>(&'a self, source: &'a SourceKey) -> BoxFuture<'a, Result<Vec<Digest>, StoreError>> {
        self.0.retired(source).boxed()
    }

    fn forget<'a>(&'a self, source: &'a SourceKey) -> BoxFuture<'a, Result<(), StoreError>> {
        self.0.forget(source).boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.probe().boxed()
    }

    fn losses(&self) -> &Losses {
        &self.0.losses
    }

    fn cache(&self) -> &Cache {
        &self.0.cache
    }
}
