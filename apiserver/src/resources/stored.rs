//! The blob of a revision that a status names, and in which words that it cannot be read.
use super::revision;
use crate::{artifact::Artifact, shelf::Shelf};
use artifacts::{Blob, BlobKey, SourceKey, StoreError};
use extension_apiserver::{api::Call, object::Key, status::Status};
use http::StatusCode;

/// Seconds after which a blob is there again, if its source answers. kubectl asks ten times at this pace before it says what is
/// wrong, so that a source that is down does not keep people waiting.
const REFETCHED_AFTER: u32 = 1;

/// What is asked for.
pub(super) struct Stored<'a> {
    pub(super) call: &'a Call,
    pub(super) blob: BlobKey,
    /// Whether it is what the source publishes now.
    is_current: bool,
}

impl<'a> Stored<'a> {
    /// The blob of that artifact.
    ///
    /// # Errors
    /// 500: the status of the source was altered by hand.
    pub(super) fn new(call: &'a Call, key: &Key, artifact: &Artifact) -> Result<Self, Status> {
        Ok(Self { call, blob: blob_key(key, artifact)?, is_current: artifact.spec.current })
    }

    /// Opens all of it.
    ///
    /// # Errors
    /// In the words of [`Self::absent`] and [`Self::unreadable`].
    pub(super) async fn open(&self, shelf: &Shelf) -> Result<Blob, Status> {
        let opened = shelf.open(&self.blob, None).await.map_err(|error| self.unreadable(&error))?;
        opened.ok_or_else(|| self.absent())
    }

    /// Finds out that it could be opened.
    ///
    /// # Errors
    /// As for [`Self::open`].
    pub(super) async fn stat(&self, shelf: &Shelf) -> Result<(), Status> {
        let found = shelf.stat(&self.blob).await.map_err(|error| self.unreadable(&error))?;
        found.map(drop).ok_or_else(|| self.absent())
    }

    /// The status names a revision whose blob is missing or damaged. The shelf has told the controller, which can fetch
    /// again what is published; of an older revision nobody else has the bytes.
    pub(super) fn absent(&self) -> Status {
        if self.is_current {
            let message = "the stored artifact is missing or damaged; unless the source is suspended, it is fetched again now";
            return Status::unavailable(message, REFETCHED_AFTER);
        }
        let message = "the stored blob of this revision is missing or damaged, and only the published one can be \
                       fetched again";
        revision::refusal(self.call, StatusCode::GONE, message.to_owned())
    }

    /// The store does not answer, or has something else.
    pub(super) fn unreadable(&self, error: &StoreError) -> Status {
        if matches!(error, StoreError::Corrupt { .. }) {
            return self.absent();
        }
        revision::unreadable(error)
    }
}

fn blob_key(key: &Key, artifact: &Artifact) -> Result<BlobKey, Status> {
    let source = SourceKey::new(&key.namespace, &key.name);
    match (source, artifact.spec.digest.parse()) {
        (Ok(source), Ok(digest)) => Ok(BlobKey { source, digest }),
        _ => Err(Status::internal(format!("the status of {:?} holds a digest that is none", key.name))),
    }
}
