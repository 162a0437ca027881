//! What must survive: restarts, damaged blobs, an absent kube-apiserver, objects from before the rules, a replaced leader.
mod damage;
mod disk;
mod holder;
mod leader;
mod memory;
mod peer;
mod poisoned;
mod retired;
mod s3;
mod s3_faults;
mod shards;
mod unruly;
mod uploads;

use crate::{
    scene::Scene,
    sources::{self, manifest, ready, revision, until, until_in, until_ready},
    upstream::{Answer, Upstream},
};
use anyhow::{Context, Result};
use cluster::{
    Cluster, Options,
    suite::{another_cluster, skip},
};
use crds::{ExternalArtifact, ExternalSource, conditions};
use http::StatusCode;
use kube::Api;
use std::time::Duration;

/// How long after a fault everything must be as before.
const RECOVERY: Duration = Duration::from_secs(60);

impl Scene {
    /// A pass that was asked for has ended, within the time that recovery may take.
    async fn still_works(&self, token: &str) -> Result<ExternalSource> {
        self.request_in(RECOVERY, token).await
    }
}

#[tokio::test]
async fn a_restart_downloads_nothing_that_is_stored() -> Result<()> {
    let scene = Scene::alone().await?;
    let Some(cluster) = scene.suite.own() else { return skip("this Postern is not ours to restart") };
    let url = scene.url().await?;
    let before = scene.sources.get("one").await?;
    cluster.postern().restart().await?;
    assert_eq!(reqwest::get(&url).await?.status(), StatusCode::OK);
    let after = scene.still_works("after-restart").await?;
    assert_eq!(revision(&after), revision(&before));
    assert_eq!(scene.upstream.downloads(), 1);
    Ok(())
}

#[tokio::test]
async fn a_crash_at_any_moment_leaves_no_half_artifact() -> Result<()> {
    let scene = Scene::alone().await?;
    let Some(cluster) = scene.suite.own() else { return skip("this Postern is not ours to kill") };
    for round in 0..5_u32 {
        scene.upstream.answer(Answer::data(format!("{round}").repeat(2_000_000)));
        let request = format!("reconcile.fluxcd.io/requestedAt=kill-{round}");
        scene.namespace.kubectl(&["annotate", "--overwrite", "externalsource", "one", &request]).await?;
        tokio::time::sleep(Duration::from_millis(u64::from(round) * 7)).await;
        cluster.postern().kill().await?;
        let published = scene.sources.get("one").await?.status.and_then(|status| status.artifact);
        cluster.postern().start().await?;
        cluster.postern().touch_slice().await?;
        let published = published.context("the last artifact stays published")?;
        let bytes = reqwest::get(&published.url).await?.error_for_status()?.bytes().await?;
        assert_eq!(crate::archive::digest(&bytes), published.digest, "round {round}");
    }
    scene.still_works("in-the-end").await?;
    until_ready(&scene.sources, "one").await?;
    Ok(())
}

#[tokio::test]
async fn artifacts_are_served_while_kube_apiserver_is_away() -> Result<()> {
    let scene = Scene::alone().await?;
    let Some(cluster) = scene.suite.own() else { return skip("this kube-apiserver is not ours to kill") };
    let url = scene.url().await?;
    let pid = cluster.postern().pid();
    cluster.kill_kube_apiserver().await?;
    let until = tokio::time::Instant::now() + Duration::from_secs(30);
    while tokio::time::Instant::now() < until {
        assert_eq!(reqwest::get(&url).await?.status(), StatusCode::OK);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    cluster.start_kube_apiserver().await?;
    scene.upstream.answer(Answer::data("2"));
    let before = revision(&scene.sources.get("one").await?);
    let after = scene.still_works("after-absence").await?;
    assert_ne!(revision(&after), before);
    assert_eq!(cluster.postern().pid(), pid, "it never crashed");
    Ok(())
}

#[tokio::test]
async fn another_address_for_flux_changes_no_revision() -> Result<()> {
    let scene = Scene::alone().await?;
    let Some(cluster) = scene.suite.own() else { return skip("this Postern is not ours to restart") };
    let before = scene.sources.get("one").await?;
    let mut moved = cluster.postern();
    moved.flags.push("--artifacts-url=http://postern.postern-system.svc.cluster.local.:8080".to_owned());
    moved.restart().await?;
    let rewritten = |source: &ExternalSource| {
        let artifact = source.status.as_ref().and_then(|status| status.artifact.as_ref());
        artifact.is_some_and(|artifact| artifact.url.contains("svc.cluster.local.:8080"))
    };
    let after = until_in(RECOVERY, &scene.sources, "one", rewritten).await;
    cluster.postern().restart().await?;
    assert_eq!(revision(&after?), revision(&before));
    until_in(RECOVERY, &scene.sources, "one", |source| !rewritten(source)).await?;
    assert_eq!(scene.upstream.downloads(), 1);
    Ok(())
}

#[tokio::test]
async fn without_flux_everything_else_works_and_its_crd_is_picked_up() -> Result<()> {
    let options = Options { flux_crds: false, ..Options::default() };
    let Some(cluster) = another_cluster("without-flux", &options).await? else {
        return skip("needs a cluster of its own");
    };
    let outcome = without_flux(&cluster).await;
    cluster.stop().await?;
    outcome
}

async fn without_flux(cluster: &Cluster) -> Result<()> {
    let upstream = Upstream::start(Answer::data("1")).await;
    let sources = sources::sources(cluster.client(), "default");
    let manifest = manifest("one", &upstream.url(), "");
    cluster.kubectl().run_with_input(&["apply", "--filename", "-"], &manifest).await?;
    let source = until_ready(&sources, "one").await?;
    let published = sources::condition(&source, conditions::PUBLISHED).context("Published")?;
    assert_eq!((published.status.as_str(), published.reason.as_str()), ("False", "FluxNotInstalled"));
    let url = source.status.and_then(|status| status.artifact).context("artifact")?.url;
    assert_eq!(reqwest::get(&url).await?.status(), StatusCode::OK);

    cluster.install_flux_crds().await?;
    let picked_up = |source: &ExternalSource| sources::condition(source, conditions::PUBLISHED).is_none();
    until_in(RECOVERY, &sources, "one", |source| picked_up(source) && ready(source).is_some()).await?;
    let artifacts: Api<ExternalArtifact> = Api::namespaced(cluster.client().clone(), "default");
    assert!(artifacts.get("one").await?.status.and_then(|status| status.artifact).is_some());
    Ok(())
}

#[tokio::test]
async fn a_source_that_comes_back_heals_by_itself() -> Result<()> {
    let scene = Scene::alone().await?;
    let address = scene.upstream.address();
    let Scene { upstream, sources, namespace, suite } = scene;
    drop(upstream);
    namespace.kubectl(&["annotate", "externalsource", "one", "reconcile.fluxcd.io/requestedAt=gone"]).await?;
    let down =
        until(&sources, "one", |source| ready(source).is_some_and(|ready| ready.status == "False")).await?;
    assert_eq!(ready(&down).context("Ready")?.reason, "ConnectionFailed");
    let _back = Upstream::start_at(address, Answer::data("1")).await;
    until_in(RECOVERY, &sources, "one", |source| ready(source).is_some_and(|ready| ready.status == "True"))
        .await?;
    drop(suite);
    Ok(())
}
