//! A record beside a blob: where it came from. Small, written whole, gone before its blob is.
use super::{
    BlobKey, StoreError,
    backend::{Backend, Location},
    blocking,
    content::Content,
};
use crate::failpoint::{Step, reached};
use bytes::Bytes;
use object_store::{Error, ObjectStoreExt, path::Path};
use std::sync::Arc;

const SUFFIX: &str = ".provenance.json";
const ATTEMPT: &str = "writing the record of a blob";

/// The largest record, in bytes.
pub(super) const LARGEST: u64 = 64 * 1024;

impl Backend {
    /// Writes the record of a blob, in place of an earlier one.
    pub(super) async fn attach(&self, key: &BlobKey, record: Bytes) -> Result<(), StoreError> {
        key.source.check()?;
        admit(&record)?;
        self.write(&path(key), vec![record], ATTEMPT).await?;
        reached(Step::Recorded);
        Ok(())
    }

    /// Writes a small blob whole, as [`write`](Self::write) does. In a directory the same thread takes its record, if there is one,
    /// and both names get to the disk together.
    pub(super) async fn write_recorded(
        &self,
        key: &BlobKey,
        pieces: Vec<Bytes>,
        record: &mut Option<Bytes>,
        attempt: &'static str,
    ) -> Result<Option<Content>, StoreError> {
        if let Some(record) = record {
            admit(record)?;
        }
        let taken = match &self.location {
            Location::Directory(directory) => record.take().map(|record| (Arc::clone(directory), record)),
            _ => None,
        };
        let Some((directory, record)) = taken else {
            return self.write(&Path::from(key.path()), pieces, attempt).await;
        };
        let (file, beside) = (key.path(), path(key).to_string());
        let written = blocking(move || {
            let folder = directory.folder_of(&file)?;
            let blob = folder.write(&file, &pieces)?;
            reached(Step::Stored);
            folder.write(&beside, &[record])?;
            reached(Step::Recorded);
            folder.sync()?;
            Content::file(blob)
        });
        written.await.map(Some).map_err(|error| StoreError::write(attempt, error))
    }

    /// Reads it. What is too large was not written by us.
    pub(super) async fn attached(&self, key: &BlobKey) -> Result<Option<Bytes>, StoreError> {
        let failed = |error| StoreError::read("reading the record of a blob", error);
        let path = path(key);
        if !self.holds(&key.source, path.as_ref()).await? {
            return Ok(None);
        }
        match self.objects.get(&path).await {
            Ok(found) if found.meta.size > LARGEST => Ok(None),
            Ok(found) => found.bytes().await.map(Some).map_err(failed),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// Removes it, if it is there.
    pub(super) async fn detach(&self, key: &BlobKey) -> Result<(), StoreError> {
        self.delete(&path(key), "removing the record of a blob").await
    }
}

fn admit(record: &Bytes) -> Result<(), StoreError> {
    match record.len() as u64 > LARGEST {
        true => Err(StoreError::write(ATTEMPT, "it is larger than 64 KiB")),
        false => Ok(()),
    }
}

/// Whether that is the path of a record.
pub(super) fn is_record(path: &str) -> bool {
    path.ends_with(SUFFIX)
}

fn path(key: &BlobKey) -> Path {
    Path::from(format!("{}/{}{SUFFIX}", key.source.path(), key.digest.hex()))
}
