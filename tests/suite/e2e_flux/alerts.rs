//! Flux's notification-controller carries what happens to a source to where an Alert points.
use super::ELSEWHERE;
use crate::{
    scene::Scene,
    sources::{PATIENCE, revision},
    upstream::{Answer, Upstream},
};
use anyhow::{Context, Result};
use cluster::{
    Cluster,
    suite::{Suite, skip, to_its_end},
};
use http::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{sleep, timeout};

const PAUSE: Duration = Duration::from_millis(50);

/// An Alert on every ExternalArtifact of its namespace, and where it leads.
fn alert(address: &str) -> String {
    format!(
        "apiVersion: notification.toolkit.fluxcd.io/v1beta3
kind: Provider
metadata: {{ name: hook }}
spec: {{ type: generic, address: {address} }}
---
apiVersion: notification.toolkit.fluxcd.io/v1beta3
kind: Alert
metadata: {{ name: sources }}
spec:
  providerRef: {{ name: hook }}
  eventSeverity: info
  eventSources: [{{ kind: ExternalArtifact, name: '*' }}]
"
    )
}

/// Waits until an event with that reason has arrived.
async fn arrived(hook: &Upstream, reason: &str) -> Result<Value> {
    let search = async {
        loop {
            let events = hook.asked().into_iter().map(|asked| serde_json::from_slice::<Value>(&asked.body));
            for event in events {
                let event = event?;
                if event["reason"] == reason {
                    return Ok(event);
                }
            }
            sleep(PAUSE).await;
        }
    };
    timeout(PATIENCE, search).await.with_context(|| format!("no event {reason} arrived"))?
}

/// What the counter of Postern's events says of an outcome.
async fn counted(suite: &Suite, outcome: &str) -> Result<u64> {
    let admin = suite.urls().context("checked before")?.admin;
    let metrics = reqwest::get(format!("{admin}/metrics")).await?.text().await?;
    let name = format!("postern_flux_events_total{{outcome=\"{outcome}\"}} ");
    let value = metrics.lines().find_map(|line| line.strip_prefix(&name));
    Ok(value.with_context(|| format!("no {name}"))?.parse()?)
}

/// Runs `test` on a source while Postern posts events to that address; afterwards Postern is as it was.
async fn telling(
    scene: &Scene,
    cluster: &Cluster,
    address: &str,
    test: impl AsyncFnOnce(&Scene) -> Result<()>,
) -> Result<()> {
    let mut telling = cluster.postern();
    telling.flags.push(format!("--events-addr=http://{address}/"));
    telling.restart().await?;
    let outcome = to_its_end(test(scene)).await;
    cluster.postern().restart().await?;
    outcome
}

#[tokio::test]
async fn an_alert_on_external_artifacts_hears_of_new_revisions_and_of_failures() -> Result<()> {
    let scene = Scene::alone().await?;
    let Some(cluster) = scene.suite.own() else { return skip(ELSEWHERE) };
    let address = cluster.start_notification_controller().await?;
    telling(&scene, cluster, &address.to_string(), heard).await
}

async fn heard(scene: &Scene) -> Result<()> {
    let hook = Upstream::start(Answer::status(StatusCode::OK)).await;
    scene.namespace.apply(&alert(&hook.url())).await?;
    let annotate = ["annotate", "externalsource", "one", "event.toolkit.fluxcd.io/team=shop"];
    scene.namespace.kubectl(&annotate).await?;

    scene.upstream.answer(Answer::data("2"));
    let source = scene.request("new").await?;
    let event = arrived(&hook, "NewArtifact").await?;
    let object = &event["involvedObject"];
    assert_eq!((&object["kind"], &object["name"]), (&json!("ExternalArtifact"), &json!("one")), "{event}");
    assert_eq!(object["namespace"], scene.namespace.name(), "{event}");
    assert_eq!((&event["severity"], &event["metadata"]["team"]), (&json!("info"), &json!("shop")), "{event}");
    let told = &event["metadata"]["revision"];
    assert_eq!(told.as_str(), revision(&source).as_deref(), "{event}");

    scene.upstream.answer(Answer::status(StatusCode::INTERNAL_SERVER_ERROR));
    scene.request("down").await?;
    let words = scene.failed("ServerError").await?;
    let event = arrived(&hook, "ServerError").await?;
    assert_eq!((&event["severity"], &event["message"]), (&json!("error"), &json!(words)), "{event}");
    assert!(counted(&scene.suite, "Sent").await? >= 2, "both were taken");
    assert_eq!(counted(&scene.suite, "Dropped").await?, 0);
    Ok(())
}

#[tokio::test]
async fn while_nobody_takes_events_sources_are_reconciled_all_the_same() -> Result<()> {
    let scene = Scene::alone().await?;
    let Some(cluster) = scene.suite.own() else { return skip(ELSEWHERE) };
    let nobody = Upstream::start(Answer::status(StatusCode::OK)).await.address();
    telling(&scene, cluster, &nobody.to_string(), unheard).await
}

async fn unheard(scene: &Scene) -> Result<()> {
    scene.upstream.answer(Answer::data("2"));
    scene.request("new").await?;
    let gave_up = async {
        while counted(&scene.suite, "Failed").await? == 0 {
            sleep(PAUSE).await;
        }
        Ok(())
    };
    timeout(PATIENCE, gave_up).await.context("it never gave up")?
}
