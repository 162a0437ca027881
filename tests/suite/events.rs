//! The events of a namespace as tests await them.
use crate::sources::PATIENCE;
use anyhow::{Result, bail};
use cluster::suite::Suite;
use futures::TryStreamExt;
use k8s_openapi::api::events::v1::Event;
use kube::{
    Api, ResourceExt,
    api::ListParams,
    runtime::{WatchStreamExt, watcher},
};
use std::{collections::BTreeSet, pin::pin};
use tokio::time::timeout;

/// Watches until an event with that reason is there, and returns its note.
pub(crate) async fn until(suite: &Suite, namespace: &str, reason: &str) -> Result<String> {
    let events: Api<Event> = Api::namespaced(suite.client().clone(), namespace);
    let search = async {
        let stream = watcher(events, watcher::Config::default()).default_backoff().applied_objects();
        let mut seen = pin!(stream);
        while let Some(event) = seen.try_next().await? {
            if event.reason.as_deref() == Some(reason) {
                return Ok(event.note.unwrap_or_default());
            }
        }
        bail!("the watch ended")
    };
    match timeout(PATIENCE, search).await {
        Ok(found) => found,
        Err(_) => bail!("no event {reason} in {PATIENCE:?}"),
    }
}

/// The names of all events with that reason.
pub(crate) async fn names(suite: &Suite, namespace: &str, reason: &str) -> Result<BTreeSet<String>> {
    let events: Api<Event> = Api::namespaced(suite.client().clone(), namespace);
    let found = events.list(&ListParams::default().fields(&format!("reason={reason}"))).await?;
    Ok(found.iter().map(ResourceExt::name_any).collect())
}
