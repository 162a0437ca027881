//! An upload in parts, as S3 takes large objects: out of sight until it is complete.
use super::{StoreError, remote::ATTEMPT, spool::Spool, staged::Marker};
use crate::failpoint::{Step, reached};
use bytes::Bytes;
use object_store::{
    Error, MultipartId,
    multipart::{MultipartStore, PartId},
    path::Path,
};
use std::sync::Arc;
use tokio::{runtime::Handle, task::JoinSet};

/// The size of a part: the least that S3 takes, since those that are sent are in memory.
const PART: u64 = 5 << 20;

/// How many parts are sent at once.
const AT_ONCE: usize = 2;

/// One upload. Dropped before it is complete, as when its pass ends half-way, it has its parts removed; its marker stays, and
/// has a collector do the same later: a part that was just on its way may arrive after the rest was removed.
pub(super) struct Parts {
    store: Arc<dyn MultipartStore>,
    path: Path,
    id: MultipartId,
    is_open: bool,
}

/// A part that was sent: its number, what S3 calls it, and the memory that it was sent from.
type Sent = (usize, PartId, Bytes);

impl Parts {
    /// Begins to upload what will be seen at `path`.
    ///
    /// # Errors
    /// The store does not let it begin.
    pub(super) async fn begin(store: &Arc<dyn MultipartStore>, path: Path) -> Result<Self, Error> {
        let id = store.create_multipart(&path).await?;
        Ok(Self { store: Arc::clone(store), path, id, is_open: true })
    }

    /// What others must know to remove the parts.
    pub(super) fn marker(&self) -> Marker {
        Marker { path: self.path.to_string(), upload_id: self.id.clone() }
    }

    /// Sends all of it, and has it put together.
    ///
    /// # Errors
    /// The store refuses or fails; the file cannot be read.
    pub(super) async fn send(mut self, spool: &Spool) -> Result<(), StoreError> {
        let (mut sending, mut spare, mut offset) = (JoinSet::new(), Vec::new(), 0);
        let mut parts = Vec::new();
        while offset < spool.size() || !sending.is_empty() {
            if offset < spool.size() && sending.len() < AT_ONCE {
                let piece = spool.piece(spare.pop().unwrap_or_default(), offset, PART).await;
                let piece = piece.map_err(|error| StoreError::write(ATTEMPT, error))?.freeze();
                let number = (offset / PART) as usize;
                offset += piece.len() as u64;
                sending.spawn(self.put(number, piece));
            } else if let Some(sent) = sending.join_next().await {
                let sent = sent.map_err(|lost| StoreError::write(ATTEMPT, lost))?;
                let (number, part, piece) = sent.map_err(|error| StoreError::write(ATTEMPT, error))?;
                reached(Step::Sent);
                parts.push((number, part));
                // The same memory serves all parts, or what the allocator keeps would grow with their number.
                spare.extend(piece.try_into_mut().ok());
            }
        }
        parts.sort_unstable_by_key(|(number, _)| *number);
        let parts = parts.into_iter().map(|(_, part)| part).collect();
        let completed = self.store.complete_multipart(&self.path, &self.id, parts).await;
        completed.map_err(|error| StoreError::write(ATTEMPT, error))?;
        self.is_open = false;
        Ok(())
    }

    fn put(&self, number: usize, piece: Bytes) -> impl Future<Output = Result<Sent, Error>> + use<> {
        let (store, path, id) = (Arc::clone(&self.store), self.path.clone(), self.id.clone());
        async move {
            let part = store.put_part(&path, &id, number, piece.clone().into()).await?;
            Ok((number, part, piece))
        }
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        if self.is_open
            && let Ok(runtime) = Handle::try_current()
        {
            let (store, path, id) = (Arc::clone(&self.store), self.path.clone(), self.id.clone());
            runtime.spawn(async move {
                // What cannot be removed now goes by its marker.
                let _ = store.abort_multipart(&path, &id).await;
            });
        }
    }
}
