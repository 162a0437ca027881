//! A record beside a blob: where it came from. Small, written whole, gone before its blob is.
use super::{BlobKey, StoreError, backend::Backend};
use bytes::Bytes;
use object_store::{Error, ObjectStoreExt, path::Path};

const SUFFIX: &str = ".provenance.json";

/// The largest record, in bytes.
pub(super) const LARGEST: u64 = 64 * 1024;

impl Backend {
    /// Writes the record of a blob, in place of an earlier one.
    pub(super) async fn attach(&self, key: &BlobKey, record: Bytes) -> Result<(), StoreError> {
        const ATTEMPT: &str = "writing the record of a blob";
        key.source.check()?;
        if record.len() as u64 > LARGEST {
            return Err(StoreError::write(ATTEMPT, "it is larger than 64 KiB"));
        }
        self.write(&path(key), vec![record], ATTEMPT).await.map(|_| ())
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

/// Whether that is the path of a record.
pub(super) fn is_record(path: &str) -> bool {
    path.ends_with(SUFFIX)
}

fn path(key: &BlobKey) -> Path {
    Path::from(format!("{}/{}{SUFFIX}", key.source.path(), key.digest.hex()))
}
