//! Two replicas: one works, the other takes over, and a holder that wakes up late knows that it lost.
use super::RECOVERY;
use crate::{scene::Scene, sources::until_in};
use anyhow::{Context, Result};
use cluster::suite::skip;
use crds::{ExternalSource, annotations::REQUESTED_AT};
use futures::TryStreamExt;
use http::StatusCode;
use k8s_openapi::api::{coordination::v1::Lease, rbac::v1::Role};
use kube::{
    Api,
    api::{Patch, PatchParams, PostParams},
    runtime::{WatchStreamExt, watcher},
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::json;
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

/// What lets controllers write Leases.
const ROLE: &str = "postern-controller";

impl Scene {
    /// Runs something while no controller may renew the Lease.
    async fn without_leader<T>(&self, work: impl AsyncFnOnce() -> Result<T>) -> Result<T> {
        let roles: Api<Role> = Api::namespaced(self.suite.client().clone(), "postern-system");
        let before = roles.get(ROLE).await?;
        let mut strict = before.clone();
        for rule in strict.rules.iter_mut().flatten() {
            if rule.resources.iter().flatten().any(|resource| resource == "leases") {
                rule.verbs = ["get", "list"].map(str::to_owned).into();
            }
        }
        roles.replace(ROLE, &PostParams::default(), &strict).await?;
        let outcome = work().await;
        let restored = json!({ "rules": before.rules });
        roles.patch(ROLE, &PatchParams::default(), &Patch::Merge(restored)).await?;
        outcome
    }

    fn requested(source: &ExternalSource) -> Option<&String> {
        source.metadata.annotations.as_ref()?.get(REQUESTED_AT)
    }
}

#[tokio::test]
async fn a_refresh_is_told_that_there_is_no_controller() -> Result<()> {
    let scene = Scene::alone().await?;
    if scene.suite.own().is_none() {
        return skip("these roles are not ours to change");
    }
    let left = scene
        .without_leader(async || {
            let told = async {
                loop {
                    let (code, said) = scene.refresh("").await?;
                    match code {
                        // It still leads for the rest of its term.
                        StatusCode::CREATED => {}
                        code => return anyhow::Ok((code, said)),
                    }
                }
            };
            let (code, said) = tokio::time::timeout(RECOVERY, told).await.context("it goes on to lead")??;
            assert_eq!(code, StatusCode::SERVICE_UNAVAILABLE, "{said}");
            assert!(said["message"].as_str().is_some_and(|told| told.contains("no controller")), "{said}");
            let left = scene.sources.get("one").await?;

            let (code, said) = scene.refresh("").await?;
            assert_eq!(code, StatusCode::SERVICE_UNAVAILABLE, "{said}");
            assert!(
                said["message"].as_str().is_some_and(|told| told.contains("nothing was asked")),
                "{said}"
            );
            assert_eq!(Scene::requested(&scene.sources.get("one").await?), Scene::requested(&left));
            Ok(left)
        })
        .await?;

    // What was asked for meanwhile is followed by whoever leads next.
    let token = Scene::requested(&left).context("a request")?;
    let handled = |source: &ExternalSource| {
        let status = source.status.as_ref();
        status.and_then(|status| status.last_handled_reconcile_at.as_ref()) == Some(token)
    };
    until_in(RECOVERY, &scene.sources, "one", handled).await?;
    assert_eq!(scene.refresh("").await?.0, StatusCode::CREATED);
    Ok(())
}
