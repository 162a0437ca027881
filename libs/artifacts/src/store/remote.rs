//! How a blob gets into a store that many processes share: conditionally, large ones in parts, and nothing half.
use super::{BlobKey, StoreError, backend::Backend, collect::GRACE, parts::Parts, spool::Spool};
use crate::failpoint::{Step, grace, reached};
use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use object_store::{
    Error, ObjectStoreExt, PutMode, PutOptions, PutPayload, multipart::MultipartStore, path::Path,
};
use std::{sync::Arc, time::Duration};

/// Larger blobs go in parts.
const LARGEST_WHOLE: u64 = 8 << 20;

/// A whole blob that was stored within this part of the time for which collectors spare what nobody keeps yet is not stored
/// again. Far below that, since the pass that stored it must still publish it.
const RECENT: u32 = 4;

pub(super) const ATTEMPT: &str = "storing a blob";

/// Bytes whose digest is known.
pub(super) enum Ready {
    Memory(Vec<Bytes>),
    /// And where its parts go, if it is large.
    File(Spool, Arc<dyn MultipartStore>),
}

impl Backend {
    /// Puts the blob under its key. Of several processes that do so at once, one wins, and the others take its blob.
    pub(super) async fn put_remote(&self, key: &BlobKey, ready: Ready) -> Result<(), StoreError> {
        let payload = match ready {
            Ready::Memory(chunks) => PutPayload::from_iter(chunks),
            Ready::File(spool, store) if spool.size() > LARGEST_WHOLE => {
                return self.put_parts(key, &spool, &store).await;
            }
            Ready::File(spool, _) => {
                let bytes = spool.piece(BytesMut::new(), 0, LARGEST_WHOLE).await;
                bytes.map_err(|error| StoreError::write(ATTEMPT, error))?.freeze().into()
            }
        };
        let path = Path::from(key.path());
        let created = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let stored = match self.objects.put_opts(&path, payload.clone(), created).await {
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) if self.is_recent(key).await? => {
                return Ok(());
            }
            // Stored again, as a directory does it: damaged bytes are replaced, and the age is renewed.
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {
                self.objects.put(&path, payload).await
            }
            stored => stored,
        };
        stored.map(drop).map_err(|error| StoreError::write(ATTEMPT, error))
    }

    /// S3 shows an object of many parts when they are complete, whole and at once. Until then a marker says that somebody is
    /// at it.
    async fn put_parts(
        &self,
        key: &BlobKey,
        spool: &Spool,
        store: &Arc<dyn MultipartStore>,
    ) -> Result<(), StoreError> {
        if self.is_recent(key).await? {
            return Ok(());
        }
        let begun = Parts::begin(store, Path::from(key.path())).await;
        let parts = begun.map_err(|error| StoreError::write(ATTEMPT, error))?;
        let marker = self.mark(parts.marker()).await?;
        tokio::select! {
            sent = parts.send(spool) => sent?,
            never = self.renew(&marker) => match never {},
        }
        reached(Step::Completed);
        self.unmark(&marker).await;
        Ok(())
    }

    async fn is_recent(&self, key: &BlobKey) -> Result<bool, StoreError> {
        let Some(content) = self.content(key).await? else { return Ok(false) };
        let age = Timestamp::now().duration_since(content.stored_at);
        let is_young = Duration::try_from(age).map_or(true, |age| age < grace(GRACE) / RECENT);
        Ok(is_young && self.judge(key, &content).await?)
    }
}
