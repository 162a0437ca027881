//! What a pass would store: the whole of a pass, into a scratch that goes with it, and what is in its archive.
use crate::{
    Blob, BlobKey, EntryPath, Error, SourceKey, StoreError, TarDigest,
    compare::{Caps, Differences, compare},
    pipeline::{Fetched, Outcome, Pipeline, Request, Stored},
    plan::Plan,
    read::Files,
    revision,
    store::scratch::Scratch,
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use telemetry::Chain;
use tokio::task::coop::consume_budget;
use tracing::warn;

/// What to try.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// What to do.
    pub plan: &'a Plan,
    /// For whom.
    pub source: &'a SourceKey,
    /// What is published now.
    pub published: Option<&'a Stored>,
    /// What is newer than that, and waits.
    pub waiting: Option<&'a Stored>,
}

/// What a pass would store.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Preview {
    /// The revision that it would be: that of a stored artifact if it is the same.
    pub revision: String,
    /// The revision that is published now.
    pub published: Option<String>,
    /// The size of the archive in bytes.
    pub size: u64,
    /// The size of the archive before compression, in bytes.
    pub unpacked_size: u64,
    /// The media type that the source gave, without parameters.
    pub content_type: Option<String>,
    /// How many files it holds.
    pub file_count: u64,
    /// The first of them, in the order of their paths: as many as [`Caps::SHOWN`] lists.
    pub files: Vec<File>,
    /// In what it differs from what is published; `None` if nothing is, or if that cannot be read.
    pub differences: Option<Differences>,
    /// What a pass would tell besides, a sentence each.
    pub notes: Vec<String>,
}

/// A file of the archive.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct File {
    /// Its path.
    pub path: EntryPath,
    /// Its size in bytes.
    pub size: u64,
}

impl Pipeline {
    /// Does all of a pass and stores nothing. What is published is read from the store of this pipeline.
    ///
    /// Nothing is asked for conditionally, so that there is always something to look at. Dropping the future ends it;
    /// nothing of it stays anywhere.
    ///
    /// # Errors
    /// As for [`Pipeline::run`].
    pub async fn preview(&self, candidate: Candidate<'_>) -> Result<Preview, Error> {
        let scratch = Scratch::new().await.map_err(Error::Store)?;
        let Candidate { plan, source, .. } = candidate;
        let request = Request { plan, source, validators: None, stored: None, record: None };
        let fetched = match self.beside(scratch.store().clone()).run(request).await? {
            Outcome::Fetched(fetched) => fetched,
            Outcome::NotModified { .. } => return Err(unasked(plan)),
        };
        let open = async || {
            let blob = scratch.store().open(&fetched.blob.key, None).await?;
            blob.ok_or_else(|| StoreError::Corrupt { key: fetched.blob.key.clone() })
        };
        let (file_count, files) = listed(open().await.map_err(Error::Store)?).await.map_err(Error::Store)?;
        let mut notes = notes(&fetched);
        let same = same_as(fetched.tar_digest, candidate);
        let differences = match candidate.published {
            None => None,
            Some(stored) if same == Some(stored) => Some(Differences::default()),
            Some(stored) => {
                let compared = self.compared(source, stored, open().await.map_err(Error::Store)?).await;
                let noted = compared.inspect_err(|error| {
                    warn!(error = %Chain(error), "what is published cannot be compared with a preview");
                    notes.push("the published artifact cannot be read, so nothing is compared".into());
                });
                noted.ok()
            }
        };
        Ok(Preview {
            revision: revision(&same.map_or(fetched.blob.key.digest, |stored| stored.digest)),
            published: candidate.published.map(|stored| revision(&stored.digest)),
            size: fetched.blob.size,
            unpacked_size: fetched.tar_size,
            content_type: fetched.content_type,
            file_count,
            files,
            differences,
            notes,
        })
    }

    async fn compared(
        &self,
        source: &SourceKey,
        stored: &Stored,
        after: Blob,
    ) -> Result<Differences, StoreError> {
        let key = BlobKey { source: source.clone(), digest: stored.digest };
        let before = self.store().open(&key, None).await?;
        compare(before.ok_or(StoreError::Corrupt { key })?, after, Caps::SHOWN).await
    }
}

/// An answer that makes no sense, since nothing was asked for conditionally.
fn unasked(plan: &Plan) -> Error {
    let (host, status) = (plan.generator.host(), StatusCode::NOT_MODIFIED);
    Error::Answered { host, status, pause: None, limited: false }
}

/// The stored artifact that has the same tar: a pass would keep it.
fn same_as<'a>(tar_digest: TarDigest, candidate: Candidate<'a>) -> Option<&'a Stored> {
    let stored = [candidate.published, candidate.waiting].into_iter().flatten();
    stored.into_iter().find(|stored| stored.tar_digest == Some(tar_digest))
}

fn notes(fetched: &Fetched) -> Vec<String> {
    let skipped = match fetched.skipped_links {
        0 => None,
        links => Some(format!("{links} links in the archive would be left out")),
    };
    fetched.ignored.iter().map(ToString::to_string).chain(skipped).collect()
}

/// How many files there are, and the first of them.
async fn listed(blob: Blob) -> Result<(u64, Vec<File>), StoreError> {
    let (mut found, mut count, mut files) = (Files::of(blob), 0, Vec::new());
    while let Some(listed) = found.next().await? {
        consume_budget().await;
        count += 1;
        if files.len() < Caps::SHOWN.files {
            files.push(File { path: listed.path, size: listed.size });
        }
    }
    Ok((count, files))
}
