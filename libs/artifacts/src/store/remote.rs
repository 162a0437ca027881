//! How a blob gets into a store that many processes share: conditionally, large ones in parts, and nothing half.
use super::{BlobKey, StoreError, backend::Backend, spool::Spool};
use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use object_store::{Error, MultipartUpload, ObjectStoreExt, PutMode, PutOptions, PutPayload, path::Path};
use std::time::Duration;
use tokio::{runtime::Handle, task::JoinSet};

/// Larger blobs go in parts.
const LARGEST_WHOLE: u64 = 8 << 20;

/// The size of a part: the least that S3 takes, since those that are sent are in memory.
const PART: u64 = 5 << 20;

/// How many parts are sent at once. One more is read meanwhile.
const AT_ONCE: usize = 2;

/// A whole blob that was stored so recently is not stored again. Far below the time for which collectors spare what nobody
/// keeps yet, since the pass that stored it must still publish it.
const RECENT: Duration = Duration::from_secs(15);

const ATTEMPT: &str = "storing a blob";

/// Bytes whose digest is known.
pub(super) enum Ready {
    Memory(Vec<Bytes>),
    File(Spool),
}

impl Backend {
    /// Puts the blob under its key. Of several processes that do so at once, one wins, and the others take its blob.
    pub(super) async fn put_remote(&self, key: &BlobKey, ready: Ready) -> Result<(), StoreError> {
        let payload = match ready {
            Ready::Memory(chunks) => PutPayload::from_iter(chunks),
            Ready::File(spool) if spool.size() > LARGEST_WHOLE => return self.put_parts(key, &spool).await,
            Ready::File(spool) => {
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

    /// S3 shows an object of many parts when they are complete, whole and at once.
    async fn put_parts(&self, key: &BlobKey, spool: &Spool) -> Result<(), StoreError> {
        if self.is_recent(key).await? {
            return Ok(());
        }
        let begun = self.objects.put_multipart(&Path::from(key.path())).await;
        let mut parts = Parts(Some(begun.map_err(|error| StoreError::write(ATTEMPT, error))?));
        let upload = parts.0.as_mut().expect("it was just begun");
        let (mut sending, mut spare, mut offset) = (JoinSet::new(), Vec::new(), 0);
        while offset < spool.size() || !sending.is_empty() {
            if offset < spool.size() && sending.len() < AT_ONCE {
                let piece = spool.piece(spare.pop().unwrap_or_default(), offset, PART).await;
                let piece = piece.map_err(|error| StoreError::write(ATTEMPT, error))?.freeze();
                offset += piece.len() as u64;
                let part = upload.put_part(piece.clone().into());
                sending.spawn(async move { part.await.map(|()| piece) });
            } else if let Some(sent) = sending.join_next().await {
                let sent = sent.map_err(|lost| StoreError::write(ATTEMPT, lost))?;
                let piece = sent.map_err(|error| StoreError::write(ATTEMPT, error))?;
                // The same memory serves all parts, or what the allocator keeps would grow with their number.
                spare.extend(piece.try_into_mut().ok());
            }
        }
        let completed = upload.complete().await;
        completed.map_err(|error| StoreError::write(ATTEMPT, error))?;
        parts.0 = None;
        Ok(())
    }

    async fn is_recent(&self, key: &BlobKey) -> Result<bool, StoreError> {
        let Some(content) = self.content(key).await? else { return Ok(false) };
        let age = Timestamp::now().duration_since(content.stored_at);
        let is_young = Duration::try_from(age).map_or(true, |age| age < RECENT);
        Ok(is_young && self.judge(key, &content).await?)
    }
}

/// An upload in parts. Dropped before it is complete, as when its pass ends half-way, it has them removed: S3 would keep
/// them, out of sight, for ever.
struct Parts(Option<Box<dyn MultipartUpload>>);

impl Drop for Parts {
    fn drop(&mut self) {
        if let Some(mut upload) = self.0.take()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(async move {
                // A store that cannot be reached keeps them until its own rule for abandoned uploads.
                let _ = upload.abort().await;
            });
        }
    }
}
