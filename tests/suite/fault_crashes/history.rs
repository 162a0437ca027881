//! All that was ever published, as its watchers saw it, each looked for in the store at that moment.
use super::shelf::Shelf;
use anyhow::{Context, Result, ensure};
use crds::{ExternalArtifact, ExternalSource};
use futures::TryStreamExt;
use kube::{
    Api, Client, Resource, ResourceExt,
    runtime::{WatchStreamExt, watcher},
};
use serde::de::DeserializeOwned;
use std::{
    fmt::Debug,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::task::JoinSet;

/// An artifact as a status names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) path: String,
    pub(super) digest: String,
    pub(super) url: String,
}

pub(super) fn of_source(source: &ExternalSource) -> Option<Named> {
    let artifact = source.status.as_ref()?.artifact.clone()?;
    Some(Named { path: artifact.path, digest: artifact.digest, url: artifact.url })
}

pub(super) fn of_artifact(artifact: &ExternalArtifact) -> Option<Named> {
    let artifact = artifact.status.as_ref()?.artifact.clone()?;
    Some(Named { path: artifact.path, digest: artifact.digest, url: artifact.url })
}

/// The watchers, and what they saw.
pub(super) struct History {
    seen: Arc<Mutex<Seen>>,
    _watchers: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Seen {
    statuses: usize,
    violations: Vec<String>,
}

impl History {
    pub(super) fn record(client: &Client, namespace: &str, shelf: Shelf) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let mut watchers = JoinSet::new();
        let (sources, artifacts): (Api<ExternalSource>, Api<ExternalArtifact>) =
            (Api::namespaced(client.clone(), namespace), Api::namespaced(client.clone(), namespace));
        watchers.spawn(follow(sources, of_source, shelf.clone(), seen.clone()));
        watchers.spawn(follow(artifacts, of_artifact, shelf, seen.clone()));
        Self { seen, _watchers: watchers }
    }

    /// Whether nothing half was ever published.
    pub(super) fn end(self) -> Result<()> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        ensure!(seen.statuses > 0, "nothing was observed");
        ensure!(seen.violations.is_empty(), "{:#?}", seen.violations);
        Ok(())
    }
}

async fn follow<K>(api: Api<K>, named: fn(&K) -> Option<Named>, shelf: Shelf, seen: Arc<Mutex<Seen>>)
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let mut events =
        pin!(watcher(api.clone(), watcher::Config::default()).default_backoff().applied_objects());
    loop {
        // A watch that breaks goes on by itself.
        let Ok(Some(object)) = events.try_next().await else { continue };
        let Some(published) = named(&object) else { continue };
        let violation = look(&api, &object, named, (&shelf, &published)).await;
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.statuses += 1;
        match violation {
            Ok(None) => {}
            Ok(Some(violation)) => seen.violations.push(violation),
            Err(error) => seen.violations.push(format!("{error:#}")),
        }
    }
}

/// What is wrong with an artifact that was published a moment ago, unless it is not published any more.
async fn look<K>(
    api: &Api<K>,
    object: &K,
    named: fn(&K) -> Option<Named>,
    (shelf, published): (&Shelf, &Named),
) -> Result<Option<String>>
where
    K: Resource + Clone + Debug + DeserializeOwned,
{
    let Some(wrong) = shelf.wrong(published)? else { return Ok(None) };
    let now = api.get_opt(&object.name_any()).await.context("failed to look again")?;
    let is_current = now.as_ref().and_then(named).as_ref() == Some(published);
    Ok(is_current.then(|| format!("{published:?}: {wrong}")))
}
