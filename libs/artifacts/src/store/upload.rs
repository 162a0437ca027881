//! Bytes on their way into a store: staged out of sight, then published in one step.
use super::{
    BlobInfo, BlobKey, StoreError, Upload,
    backend::{Backend, Location},
    blocking,
    budget::Share,
    remote::Ready,
    spool::Spool,
};
use crate::{
    Digest, Hasher, SMALL,
    failpoint::{Disk, Step, disk, reached},
};
use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload, multipart::MultipartStore, path::Path};
use std::sync::Arc;

const ATTEMPT: &str = "storing a blob";

/// One upload.
pub(super) struct Staged {
    store: Arc<Backend>,
    hasher: Hasher,
    share: Share,
    size: u64,
    is_whole: bool,
    place: Place,
    record: Option<Bytes>,
}

enum Place {
    /// Published with one write.
    Memory(Vec<Bytes>),
    File(StagedFile, Box<dyn MultipartUpload>),
    /// And where its parts go.
    Spool(Spool, Arc<dyn MultipartStore>),
}

/// The name of a staged file; the file goes with it.
struct StagedFile {
    store: Arc<Backend>,
    path: Path,
}

impl Staged {
    pub(super) fn new(store: Arc<Backend>) -> Self {
        let share = store.budget.share();
        Self {
            store,
            hasher: Hasher::new(),
            share,
            size: 0,
            is_whole: true,
            place: Place::Memory(Vec::new()),
            record: None,
        }
    }

    /// A write that failed, or was dropped half-way, may have left a gap: from then on nothing is published.
    async fn append(&mut self, chunk: Bytes) -> Result<(), StoreError> {
        let was_whole = std::mem::replace(&mut self.is_whole, false);
        self.share
            .grow(chunk.len() as u64)
            .map_err(|spent| StoreError::Full { attempt: ATTEMPT, source: spent.into() })?;
        self.size += chunk.len() as u64;
        match &mut self.place {
            Place::Memory(chunks) => {
                self.hasher.update(&chunk);
                chunks.push(chunk);
            }
            Place::File(_, file) => {
                // Both on threads that may block, at the same time, and neither on that of the network.
                let hashing = hash(std::mem::take(&mut self.hasher), chunk.clone());
                let (hasher, ()) = tokio::try_join!(hashing, put(file, chunk.into()))?;
                self.hasher = hasher;
            }
            Place::Spool(spool, _) => {
                let hashing = hash(std::mem::take(&mut self.hasher), chunk.clone());
                let (hasher, ()) = tokio::try_join!(hashing, spooled(spool, chunk))?;
                self.hasher = hasher;
            }
        }
        if self.size > SMALL as u64 && matches!(self.place, Place::Memory(_)) {
            self.spill().await?;
        }
        self.is_whole = was_whole;
        Ok(())
    }

    /// Moves what waits in memory to a file, unless memory is where it will stay.
    async fn spill(&mut self) -> Result<(), StoreError> {
        let Place::Memory(chunks) = &mut self.place else { return Ok(()) };
        self.place = match &self.store.location {
            Location::Memory => return Ok(()),
            Location::Remote(parts) => {
                let mut spool = Spool::new().await.map_err(|error| StoreError::write(ATTEMPT, error))?;
                for chunk in std::mem::take(chunks) {
                    spooled(&mut spool, chunk).await?;
                }
                Place::Spool(spool, Arc::clone(parts))
            }
            Location::Directory(_) => {
                let path = self.store.stage().await?;
                let file = self.store.objects.put_multipart(&path).await;
                let mut file = file.map_err(|error| StoreError::write(ATTEMPT, error))?;
                put(&mut file, PutPayload::from_iter(std::mem::take(chunks))).await?;
                Place::File(StagedFile { store: Arc::clone(&self.store), path }, file)
            }
        };
        Ok(())
    }

    async fn publish(self, key: BlobKey) -> Result<BlobInfo, StoreError> {
        key.source.check()?;
        if !self.is_whole {
            return Err(StoreError::write(ATTEMPT, "an earlier write failed"));
        }
        let found = self.hasher.finish();
        if found != key.digest {
            return Err(StoreError::DigestMismatch { key, found });
        }
        let Self { store, share, place, mut record, .. } = self;
        let target = Path::from(key.path());
        let _turn = store.turns.take(&key).await;
        let copy = match &place {
            Place::Memory(chunks) => chunks.clone(),
            _ => Vec::new(),
        };
        let mut written = None;
        match place {
            Place::Memory(chunks) if store.is_remote() => {
                store.put_remote(&key, Ready::Memory(chunks)).await?;
            }
            Place::Spool(spool, parts) => store.put_remote(&key, Ready::File(spool, parts)).await?,
            Place::Memory(chunks) => {
                written = store.write_recorded(&key, chunks, &mut record, ATTEMPT).await?;
            }
            Place::File(staged, mut file) => {
                store.prepare(target.as_ref()).await?;
                disk(Disk::Sync).map_err(|error| StoreError::write(ATTEMPT, error))?;
                file.complete().await.map_err(|error| StoreError::write(ATTEMPT, error))?;
                store.make_private(&staged.path).await?;
                reached(Step::Synced);
                disk(Disk::Rename).map_err(|error| StoreError::write(ATTEMPT, error))?;
                let renamed = store.objects.rename(&staged.path, &target).await;
                renamed.map_err(|error| StoreError::write(ATTEMPT, error))?;
            }
        }
        if let Some(record) = record {
            reached(Step::Stored);
            store.attach(&key, record).await?;
        }
        store.budget.keep(key.clone(), share);
        let info = store.published(key, written).await?;
        store.cache.published(&info, &copy);
        Ok(info)
    }
}

impl Upload for Staged {
    fn write(&mut self, chunk: Bytes) -> BoxFuture<'_, Result<(), StoreError>> {
        self.append(chunk).boxed()
    }

    fn digest(&self) -> Digest {
        self.hasher.clone().finish()
    }

    fn attach(&mut self, record: Bytes) {
        self.record = Some(record);
    }

    fn commit(self: Box<Self>, key: BlobKey) -> BoxFuture<'static, Result<BlobInfo, StoreError>> {
        self.publish(key).boxed()
    }

    fn abort(self: Box<Self>) -> BoxFuture<'static, ()> {
        async move {
            if let Place::File(_, mut file) = self.place {
                // What cannot be removed now is removed by the next start.
                let _ = file.abort().await;
            }
        }
        .boxed()
    }
}

/// After the rename there is nothing left to discard; after a failure, or when the upload is dropped half-way, there is.
impl Drop for StagedFile {
    fn drop(&mut self) {
        if let Location::Directory(directory) = &self.store.location {
            directory.discard(self.path.as_ref());
        }
    }
}

async fn hash(mut hasher: Hasher, chunk: Bytes) -> Result<Hasher, StoreError> {
    let hashed = blocking(move || {
        hasher.update(&chunk);
        Ok(hasher)
    });
    hashed.await.map_err(|error| StoreError::write(ATTEMPT, error))
}

async fn spooled(spool: &mut Spool, chunk: Bytes) -> Result<(), StoreError> {
    spool.append(chunk).await.map_err(|error| StoreError::write(ATTEMPT, error))
}

async fn put(file: &mut Box<dyn MultipartUpload>, chunk: PutPayload) -> Result<(), StoreError> {
    disk(Disk::Write).map_err(|error| StoreError::write(ATTEMPT, error))?;
    file.put_part(chunk).await.map_err(|error| StoreError::write(ATTEMPT, error))
}
