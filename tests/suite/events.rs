//! The events of a namespace as tests await them.
use crate::sources::PATIENCE;
use anyhow::{Result, bail};
use cluster::suite::Suite;
use futures::TryStreamExt;
use k8s_openapi::api::events::v1::Event;
use kube::{
    Api,
    runtime::{WatchStreamExt, watcher},
};
use std::pin::pin;
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
