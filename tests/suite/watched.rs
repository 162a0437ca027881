//! Objects of any kind as tests await them: by a watch, so that nothing that lasts only a moment is missed.
use anyhow::{Result, bail};
use futures::TryStreamExt;
use kube::{
    Api, Resource,
    runtime::{WatchStreamExt, watcher},
};
use serde::de::DeserializeOwned;
use std::{fmt::Debug, pin::pin, time::Duration};
use tokio::time::timeout;

/// Watches an object until it is as `wanted` says, and returns it so.
pub(crate) async fn until<K>(
    patience: Duration,
    api: &Api<K>,
    name: &str,
    wanted: impl Fn(&K) -> bool,
) -> Result<K>
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let mut last = None;
    let search = async {
        let mut seen = pin!(watcher(api.clone(), config).default_backoff().applied_objects());
        while let Some(object) = seen.try_next().await? {
            if wanted(&object) {
                return Ok(object);
            }
            last = Some(object);
        }
        bail!("the watch ended")
    };
    match timeout(patience, search).await {
        Ok(found) => found,
        Err(_) => bail!("{name} did not become so in {patience:?}; it is {last:#?}"),
    }
}
