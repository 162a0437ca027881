//! SIGTERM under load, with two replicas behind the Service: nobody notices, and both audit logs tell the same story.
use crate::{
    aggregated,
    load::Load,
    scene::Scene,
    sources::{self, PATIENCE},
};
use anyhow::{Context, Result, ensure};
use cluster::{Kubelet, Postern, suite::skip};
use kube::api::{ObjectMeta, PostParams};
use serde_json::Value;
use std::{collections::BTreeSet, fs, path::Path, time::Duration};
use tokio::time;

/// How often the replica is stopped.
const ROUNDS: usize = 3;
/// Requests that run at once, of each kind.
const CALLERS: usize = 4;

#[tokio::test]
async fn a_replica_that_stops_under_load_costs_no_request() -> Result<()> {
    let scene = Scene::alone().await?;
    let Some(cluster) = scene.suite.own().cloned() else { return skip("this Postern is not ours to stop") };
    let records = cluster.directory().log("twin-audit");
    let _absent_is_fine = fs::remove_file(&records);
    let mut twin = cluster.another_postern("twin")?;
    twin.flags.push(format!("--audit-log={}", records.display()));
    twin.flags.push("--shutdown-delay=3s".to_owned());
    let kubelet = Kubelet::start(&twin);
    let outcome = stop_under_load(&scene, &twin, &kubelet, &records).await;
    twin.stop().await?;
    kubelet.leave().await?;
    outcome?;
    same_story(&records, &cluster.directory().log("audit"))
}

async fn stop_under_load(scene: &Scene, twin: &Postern, kubelet: &Kubelet, records: &Path) -> Result<()> {
    twin.start().await?;
    kubelet.until(true).await?;
    let load = load(scene).await?;
    for _ in 0..ROUNDS {
        until_asked(records).await?;
        twin.stop().await?;
        kubelet.until(false).await?;
        twin.start().await?;
        kubelet.until(true).await?;
    }
    eprintln!("{:?}", load.end().await?);
    Ok(())
}

/// Reads, watches and admissions through kube-apiserver. None needs the store, which each replica has for itself.
async fn load(scene: &Scene) -> Result<Load> {
    let client = scene.suite.client_without_retries().await?;
    let (list, watch) = (scene.path("artifacts"), scene.path("artifacts?watch=1&timeoutSeconds=1"));
    let mut candidate = scene.sources.get("one").await?;
    candidate.metadata = ObjectMeta { name: Some("candidate".into()), ..ObjectMeta::default() };
    let mut load = Load::new();
    for _ in 0..CALLERS {
        for (kind, path) in [
            ("a list", list.clone()),
            ("a watch", watch.clone()),
            ("discovery", aggregated::GROUP.to_owned()),
        ] {
            let client = client.clone();
            load = load.of(kind, move || {
                let (client, path) = (client.clone(), path.clone());
                async move {
                    let response = aggregated::get(&client, &path, &[]).await?;
                    ensure!(response.status().is_success(), "{}", String::from_utf8_lossy(response.body()));
                    Ok(())
                }
            });
        }
    }
    let sources = sources::sources(&client, scene.namespace.name());
    Ok(load.of("a creation, admitted", move || {
        let (sources, candidate) = (sources.clone(), candidate.clone());
        let dry = PostParams { dry_run: true, ..PostParams::default() };
        async move { Ok(sources.create(&dry, &candidate).await.map(drop)?) }
    }))
}

/// Returns once the replica has answered something that it was not asked before.
async fn until_asked(records: &Path) -> Result<()> {
    let before = fs::metadata(records)?.len();
    let asked = async {
        while fs::metadata(records)?.len() == before {
            time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::Ok(())
    };
    time::timeout(PATIENCE, asked).await.context("the replica is never asked")?
}

/// Every request that kube-apiserver passed on has the same audit id in both logs, and no record holds a body.
fn same_story(ours: &Path, theirs: &Path) -> Result<()> {
    let passed_on: BTreeSet<String> = fs::read_to_string(theirs)?.lines().filter_map(id).collect();
    let mut joined = 0;
    for line in fs::read_to_string(ours)?.lines() {
        let record: Value = serde_json::from_str(line).with_context(|| format!("no record: {line}"))?;
        ensure!(record["level"] == "Metadata", "{line}");
        ensure!(record.get("requestObject").is_none() && record.get("responseObject").is_none(), "{line}");
        // kube-apiserver's own questions, such as for discovery, are no requests of anybody in its log.
        let is_passed_on = record["user"]["username"] == "admin" && record["stage"] == "ResponseComplete";
        if is_passed_on && record["verb"] == "list" {
            let id = record["auditID"].as_str().context("an audit id")?;
            ensure!(passed_on.contains(id), "kube-apiserver knows nothing of {line}");
            joined += 1;
        }
    }
    ensure!(joined > 0, "no record of a list in {}", ours.display());
    Ok(())
}

fn id(line: &str) -> Option<String> {
    let record: Value = serde_json::from_str(line).ok()?;
    record["auditID"].as_str().map(str::to_owned)
}
