//! What is remembered of revisions that were published once and are kept no longer: a note without a byte, beside where
//! the blob lay, so that whoever still asks for one learns that it was no mistake.
use super::{BlobKey, SourceKey, StoreError, attached::is_record, backend::Backend, directory::FileEntry};
use crate::Digest;
use object_store::path::Path;

const SUFFIX: &str = ".gone";

/// How many notes of a source are kept; the oldest go.
pub(super) const REMEMBERED: usize = 100;

impl Backend {
    /// Writes the note of a revision.
    pub(super) async fn retire(&self, key: &BlobKey) -> Result<(), StoreError> {
        const ATTEMPT: &str = "noting a revision that is kept no longer";
        key.source.check()?;
        let path = Path::from(format!("{}/{}{SUFFIX}", key.source.path(), key.digest.hex()));
        self.write(&path, Vec::new(), ATTEMPT).await?;
        let notes = self.notes(&key.source).await?;
        self.discard(&notes[..notes.len().saturating_sub(REMEMBERED)]).await
    }

    /// The digests that notes name, oldest first.
    pub(super) async fn retired(&self, source: &SourceKey) -> Result<Vec<Digest>, StoreError> {
        let notes = self.notes(source).await?;
        Ok(notes.iter().filter_map(|note| digest(&note.path)).collect())
    }

    /// Removes all notes of a source, and its records, also those whose blobs were lost.
    pub(super) async fn forget(&self, source: &SourceKey) -> Result<(), StoreError> {
        let mut beside = self.entries(Some(source)).await?;
        beside.retain(|entry| digest(&entry.path).is_some() || is_record(&entry.path));
        self.discard(&beside).await
    }

    async fn notes(&self, source: &SourceKey) -> Result<Vec<FileEntry>, StoreError> {
        let mut notes = self.entries(Some(source)).await?;
        notes.retain(|entry| digest(&entry.path).is_some());
        notes.sort_by(|a, b| (a.stored_at, &a.path).cmp(&(b.stored_at, &b.path)));
        Ok(notes)
    }

    async fn discard(&self, notes: &[FileEntry]) -> Result<(), StoreError> {
        for note in notes {
            self.delete(&Path::from(note.path.as_str()), "removing a note").await?;
        }
        Ok(())
    }
}

/// The digest that a note is named after; `None` for what is no note.
fn digest(path: &str) -> Option<Digest> {
    Digest::from_hex(path.rsplit('/').next()?.strip_suffix(SUFFIX)?).ok()
}
