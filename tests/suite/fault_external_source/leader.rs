//! Two replicas: one works, the other takes over, and a holder that wakes up late knows that it lost.
use super::RECOVERY;
use crate::scene::Scene;
use anyhow::{Context, Result};
use cluster::suite::skip;
use futures::TryStreamExt;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Api,
    runtime::{WatchStreamExt, watcher},
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::pin::pin;

impl Scene {
    /// Watches the Lease until its holder is as `wanted` says.
    async fn until_held(&self, wanted: impl Fn(&str) -> bool) -> Result<Lease> {
        let leases: Api<Lease> = Api::namespaced(self.suite.client().clone(), "postern-system");
        let config = watcher::Config::default().fields("metadata.name=postern-controller");
        let search = async {
            let mut seen = pin!(watcher(leases, config).default_backoff().applied_objects());
            while let Some(lease) = seen.try_next().await? {
                if holder(&lease).is_some_and(&wanted) {
                    return Ok(lease);
                }
            }
            anyhow::bail!("the watch ended")
        };
        tokio::time::timeout(RECOVERY, search).await.context("nobody took over")?
    }
}

fn holder(lease: &Lease) -> Option<&str> {
    lease.spec.as_ref()?.holder_identity.as_deref().filter(|holder| !holder.is_empty())
}

fn transitions(lease: &Lease) -> i32 {
    lease.spec.as_ref().and_then(|spec| spec.lease_transitions).unwrap_or_default()
}

#[tokio::test]
async fn a_paused_leader_is_replaced_and_does_not_write_when_it_wakes() -> Result<()> {
    let scene = Scene::alone().await?;
    let Some(cluster) = scene.suite.own() else { return skip("this Postern is not ours to pause") };
    let before = scene.until_held(|_| true).await?;
    let first = holder(&before).context("a holder")?.to_owned();
    let pid = Pid::from_raw(cluster.postern().pid().context("Postern runs")?);
    let second = cluster.another_postern("second")?;
    second.start().await?;
    kill(pid, Signal::SIGSTOP)?;
    let taken = scene.until_held(|holder| holder != first).await;
    kill(pid, Signal::SIGCONT)?;
    let taken = taken?;
    assert_eq!(transitions(&taken), transitions(&before) + 1);

    // The old leader is awake again; a pass that is asked for now is the new leader's, and the Lease stays with it.
    scene.still_works("second-leader").await?;
    let now = scene.until_held(|_| true).await?;
    assert_eq!(holder(&now), holder(&taken));

    // A leader that is asked to go gives the Lease back at once, instead of letting it run out.
    second.stop().await?;
    scene.until_held(|holder| holder == first).await?;
    scene.still_works("first-leader-again").await?;
    Ok(())
}
