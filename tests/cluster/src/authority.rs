//! Keeps `pki/ca.crt` what it says: the authorities that sign Postern's serving certificate, renewals included.
use crate::cluster::Cluster;
use anyhow::Result;
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api,
    runtime::{WatchStreamExt, watcher},
};
use tracing::warn;

/// Copies the bundle on every change, until this process is ended.
///
/// # Errors
/// The file cannot be written. A watch that breaks is taken up again.
pub async fn mirror(cluster: &Cluster) -> Result<()> {
    let secrets: Api<Secret> = Api::namespaced(cluster.client().clone(), "postern-system");
    let changes = watcher(secrets, watcher::Config::default().fields("metadata.name=postern-ca"))
        .default_backoff()
        .applied_objects()
        .inspect_err(|error| warn!(%error, "the watch of Secret postern-ca broke"))
        .filter_map(async |change| change.ok());
    let mut changes = std::pin::pin!(changes);
    while let Some(secret) = changes.next().await {
        if let Some(bundle) = secret.data.as_ref().and_then(|data| data.get("ca.crt")) {
            let directory = cluster.directory();
            directory.write(&directory.pki("ca.crt"), &bundle.0)?;
        }
    }
    Ok(())
}
