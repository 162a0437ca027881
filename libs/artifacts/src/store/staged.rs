//! The staging place of a store that processes share: markers of uploads in parts, each stored again and again for as long as
//! its process works on it, and probes. What is silent was left by a process that was killed.
//!
//! S3 keeps the parts of an upload until somebody who knows its id completes or aborts it, unseen and paid for. A marker tells
//! the id to those who come later. It is written before the first part is sent.
use super::{
    StoreError, Stored,
    backend::{Backend, Location},
    collect::GRACE,
    content::timestamp,
    directory::{FileEntry, STAGING},
};
use crate::failpoint::grace;
use bytes::Bytes;
use object_store::{Error, ObjectStoreExt, path::Path};
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use tokio::time::sleep;

/// So many times a marker is renewed within the grace that it has: collectors must miss several in a row.
const RENEWALS: u32 = 4;

/// The largest marker, in bytes: a path and an id of S3 have 1,024 at most each.
const LARGEST: u64 = 4096;

/// Names something in the staging place of a store. Only a store makes one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StagedKey(String);

/// Which upload in parts somebody is at, as it is written down.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Marker {
    /// What is uploaded, by its name in the store.
    pub(super) path: String,
    /// The name that S3 has given to the upload.
    pub(super) upload_id: String,
}

/// A marker that was written.
pub(super) struct Marked {
    at: Path,
    text: Bytes,
}

impl Backend {
    /// Writes a marker.
    pub(super) async fn mark(&self, marker: Marker) -> Result<Marked, StoreError> {
        const ATTEMPT: &str = "noting an upload";
        let text = serde_json::to_vec(&marker).map_err(|error| StoreError::write(ATTEMPT, error))?;
        let marked = Marked { at: self.stage().await?, text: text.into() };
        let written = self.objects.put(&marked.at, marked.text.clone().into()).await;
        written.map_err(|error| StoreError::write(ATTEMPT, error))?;
        Ok(marked)
    }

    /// Writes it again and again, until dropped.
    pub(super) async fn renew(&self, marked: &Marked) -> Infallible {
        loop {
            sleep(grace(GRACE) / RENEWALS).await;
            // The next one may succeed. If all fail, it is an upload that fails.
            let _ = self.objects.put(&marked.at, marked.text.clone().into()).await;
        }
    }

    /// Removes a marker whose upload is complete. One that stays is removed by a collector, and the blob is not.
    pub(super) async fn unmark(&self, marked: &Marked) {
        let _ = self.objects.delete(&marked.at).await;
    }

    /// All that lies in the staging place, if other processes use it, too.
    pub(super) async fn staged(&self) -> Result<Vec<Stored<StagedKey>>, StoreError> {
        if !self.is_remote() {
            return Ok(Vec::new());
        }
        let staged = |FileEntry { path, size, stored_at }| Stored { key: StagedKey(path), size, stored_at };
        Ok(self.all_objects(&Path::from(STAGING)).await?.into_iter().map(staged).collect())
    }

    /// Removes it, after the parts that it speaks of, if it is still the one that was listed.
    pub(super) async fn unstage(&self, left: &Stored<StagedKey>) -> Result<bool, StoreError> {
        const ATTEMPT: &str = "removing what is left of an upload";
        let at = Path::from(left.key.0.as_str());
        let found = match self.objects.get(&at).await {
            Err(Error::NotFound { .. }) => return Ok(false),
            found => found.map_err(|error| StoreError::read(ATTEMPT, error))?,
        };
        if !self.is_same_time(timestamp(&found.meta), left.stored_at) {
            return Ok(false);
        }
        if found.meta.size <= LARGEST {
            let text = found.bytes().await.map_err(|error| StoreError::read(ATTEMPT, error))?;
            self.abort(&text).await.map_err(|error| StoreError::write(ATTEMPT, error))?;
        }
        self.delete(&at, ATTEMPT).await.map(|()| true)
    }

    /// Removes the parts of the upload that a marker speaks of. A probe speaks of none, and an upload may have been completed
    /// or aborted by its own process at the last moment.
    async fn abort(&self, text: &[u8]) -> Result<(), Error> {
        let (Location::Remote(parts), Ok(Marker { path, upload_id })) =
            (&self.location, serde_json::from_slice(text))
        else {
            return Ok(());
        };
        match parts.abort_multipart(&Path::from(path), &upload_id).await {
            Err(Error::NotFound { .. }) => Ok(()),
            aborted => aborted,
        }
    }
}
