//! `externalsources/diff`: two stored revisions, compared file by file. It shows content, and its own permission guards it as
//! that of content does.
use super::{revision, stored::Stored};
use crate::{
    artifact::{self, Artifact},
    diff::Diff,
    shelf::Shelf,
    source_view::SourceView,
    sources::Sources,
};
use artifacts::{
    StoreError,
    compare::{Caps, Differences, compare},
};
use extension_apiserver::{
    api::{Call, Get, Parameter, Resource, Subresource},
    object::{Item, Key},
    status::Status,
};
use http::StatusCode;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// How many comparisons run at once: each holds two files, their lines and all patches in memory.
const AT_ONCE: usize = 4;

const FROM: Parameter = Parameter {
    name: "from",
    description: "The revision to compare with, as `revision` of content names it. Without it, the one that was stored before \
                  the other.",
};

const TO: Parameter = Parameter {
    name: "to",
    description: "The revision that is compared, named likewise. Without it, the one that is published now.",
};

/// Answers from the store.
pub(crate) struct Comparing {
    sources: Sources,
    shelf: Shelf,
    turns: Arc<Semaphore>,
}

impl Comparing {
    pub(crate) fn new(sources: Sources, shelf: Shelf) -> Self {
        Self { sources, shelf, turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// What is compared: the earlier one first.
    async fn pair(&self, call: &Call, key: &Key) -> Result<(Artifact, Artifact), Status> {
        let named = async |parameter: &Parameter| {
            revision::named_by(parameter, &self.sources, &self.shelf, call, key).await
        };
        let to = named(&TO).await?;
        if call.query.get(FROM.name).is_some_and(|from| !from.is_empty()) {
            return Ok((named(&FROM).await?, to));
        }
        let source = self.sources.get(key).ok_or_else(|| call.not_found())?;
        let mut stored = artifact::of(&source).into_iter();
        let before = stored.by_ref().find(|stored| stored.spec.digest == to.spec.digest).and(stored.next());
        let from = before.ok_or_else(|| {
            let message = format!(
                "no revision of externalsource {:?} is stored that is older than {}; ?from= takes any other one",
                key.name, to.spec.revision
            );
            revision::refusal(call, StatusCode::NOT_FOUND, message)
        })?;
        Ok((from, to))
    }
}

impl Resource for Comparing {
    type Object = Diff;
}

impl Subresource for Comparing {
    type Parent = SourceView;
    const NAME: &'static str = "diff";
    const PARAMETERS: &'static [Parameter] = &[FROM, TO];
}

impl Get for Comparing {
    async fn get(&self, call: &Call, key: &Key) -> Result<Item<Diff>, Status> {
        let (from, to) = self.pair(call, key).await?;
        let (older, newer) = (Stored::new(call, key, &from)?, Stored::new(call, key, &to)?);
        let _turn = self.turns.acquire().await;
        let (before, after) = (older.open(&self.shelf).await?, newer.open(&self.shelf).await?);
        let found = if from.spec.digest == to.spec.digest {
            Differences::default()
        } else {
            compare(before, after, Caps::SHOWN).await.map_err(|error| match &error {
                StoreError::Corrupt { key } if *key == older.blob => older.absent(),
                _ => newer.unreadable(&error),
            })?
        };
        Ok(Diff::between(&from, &to, found).into())
    }
}
