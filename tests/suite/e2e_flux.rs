//! Flux for real: its kustomize-controller applies what our sources serve, nothing that happens to a source takes away what
//! was applied, and its notification-controller tells of it.
mod alerts;
mod delivery;
mod environments;
mod helm;

use crate::{promises, sources::revision, upstream::Answer};
use anyhow::{Context, Result};
use cluster::suite::{Suite, skip};
use delivery::{Delivery, applied, manifests};
use http::StatusCode;
use serde_json::json;
use std::{fs, time::Instant};

/// For clusters whose Flux is not ours to start.
const ELSEWHERE: &str = "kustomize-controller is started only in a cluster of our own";

#[test]
fn every_row_of_the_manual_names_its_test() {
    let rows = promises::rows("docs/flux.md", |cell| !cell.starts_with("---") && cell != "what happens");
    assert_eq!(rows.len(), 9);
    promises::assert_kept(&rows);
}

#[tokio::test]
async fn a_kustomization_applies_what_a_source_serves_and_every_new_revision() -> Result<()> {
    let Some(delivery) = Delivery::begin(Suite::attach().await?).await? else { return skip(ELSEWHERE) };
    let first = delivery.delivered("1").await?;
    let mut before = revision(&delivery.scene.sources.get("one").await?).context("revision")?;
    assert_eq!(applied(&first), Some(&*before));

    for round in ["2", "3", "4"] {
        delivery.scene.upstream.answer(manifests(round));
        let (_, (after, published), arrived) = tokio::try_join!(
            delivery.scene.request(round),
            async { Ok((delivery.published_after(&before).await?, Instant::now())) },
            async { delivery.arrived(round).await.map(|_| Instant::now()) },
        )?;
        let pause = arrived.saturating_duration_since(published);
        println!("revision {round} was applied {pause:?} after status.artifact had changed");
        before = after;
    }
    delivery.delivered("4").await?;
    Ok(())
}

#[tokio::test]
async fn a_request_on_the_external_artifact_brings_what_is_new_into_the_cluster() -> Result<()> {
    let Some(delivery) = Delivery::begin(Suite::attach().await?).await? else { return skip(ELSEWHERE) };
    delivery.delivered("1").await?;
    delivery.scene.upstream.answer(manifests("2"));
    // As Flux's notification-controller does for a Receiver.
    let request = ["annotate", "externalartifact", "one", "reconcile.fluxcd.io/requestedAt=hook"];
    delivery.scene.namespace.kubectl(&request).await?;
    delivery.delivered("2").await?;
    Ok(())
}

#[tokio::test]
async fn a_rollback_of_the_source_rolls_the_cluster_back() -> Result<()> {
    let Some(delivery) = Delivery::begin(Suite::attach().await?).await? else { return skip(ELSEWHERE) };
    delivery.delivered("1").await?;
    let scene = &delivery.scene;
    let first = revision(&scene.sources.get("one").await?).context("revision")?;
    scene.upstream.answer(manifests("2"));
    scene.request("2").await?;
    delivery.delivered("2").await?;

    // A source that is down is when one wants to go back.
    scene.upstream.answer(Answer::status(StatusCode::INTERNAL_SERVER_ERROR));
    let (code, rollback) = scene.roll_back(&json!({ "revision": first }), "").await?;
    assert_eq!((code, &rollback["published"]), (StatusCode::CREATED, &json!(first)), "{rollback}");
    let after = delivery.delivered("1").await?;
    assert_eq!(applied(&after), Some(&*first));

    let (code, rollback) = scene.roll_back(&json!({ "revision": "" }), "").await?;
    assert_eq!(code, StatusCode::CREATED, "{rollback}");
    delivery.delivered("2").await?;
    Ok(())
}

#[tokio::test]
async fn a_source_that_fails_leaves_all_that_was_applied() -> Result<()> {
    let Some(delivery) = Delivery::begin(Suite::attach().await?).await? else { return skip(ELSEWHERE) };
    let before = delivery.delivered("1").await?;
    delivery.scene.upstream.answer(Answer::status(StatusCode::INTERNAL_SERVER_ERROR));
    delivery.scene.request("down").await?;
    delivery.scene.failed("ServerError").await?;

    let after = delivery.reconciled("while-down").await?;
    assert_eq!(applied(&after), applied(&before));
    delivery.arrived("1").await?;

    delivery.scene.upstream.answer(manifests("2"));
    delivery.scene.request("up").await?;
    delivery.delivered("2").await?;
    Ok(())
}

#[tokio::test]
async fn a_blob_that_was_lost_or_damaged_is_whole_when_flux_has_it() -> Result<()> {
    let Some(delivery) = Delivery::begin(Suite::attach().await?).await? else { return skip(ELSEWHERE) };
    let before = delivery.delivered("1").await?;
    let source = delivery.scene.sources.get("one").await?;
    let artifact = source.status.and_then(|status| status.artifact).context("artifact")?;
    let cluster = delivery.scene.suite.own().context("checked above")?;
    let file = cluster.directory().path().join("store").join(&artifact.path);

    fs::remove_file(&file)?;
    let after = delivery.reconciled("lost").await?;
    assert_eq!(applied(&after), applied(&before));
    assert_eq!(delivery.scene.upstream.downloads(), 2, "once at first, and once to heal");

    let mut bytes = fs::read(&file)?;
    *bytes.last_mut().context("no blob is empty")? ^= 1;
    fs::write(&file, bytes)?;
    let after = delivery.reconciled("damaged").await?;
    assert_eq!(applied(&after), applied(&before));
    assert_eq!(delivery.scene.upstream.downloads(), 3, "and once more");
    Ok(())
}

#[tokio::test]
async fn what_was_applied_outlives_its_source_and_goes_with_its_kustomization() -> Result<()> {
    let Some(delivery) = Delivery::begin(Suite::attach().await?).await? else { return skip(ELSEWHERE) };
    delivery.delivered("1").await?;
    let namespace = &delivery.scene.namespace;
    namespace.kubectl(&["delete", "externalsource", "one", "--timeout=30s"]).await?;
    let said = delivery.not_ready("without-source").await?;
    assert!(said.contains("one") && said.contains("not found"), "{said}");
    delivery.arrived("1").await?;

    namespace.kubectl(&["delete", "kustomization", "one", "--timeout=30s"]).await?;
    let left = namespace.kubectl(&["get", "configmap", "delivered", "--ignore-not-found"]).await?;
    assert_eq!(left, "");
    Ok(())
}
