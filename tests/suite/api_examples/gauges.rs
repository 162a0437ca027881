//! `examples/gauges.rs`: an API that is read.
use crate::sources::PATIENCE;
use anyhow::{Context, Result, ensure};
use cluster::{
    Kubectl,
    suite::{Suite, skip},
};
use futures::TryStreamExt;
use kube::{
    Api,
    api::{ApiResource, DynamicObject, GroupVersionKind, WatchEvent, WatchParams},
};
use std::{pin::pin, time::Duration};

/// kube-apiserver collects documents once a minute.
const COLLECTED: Duration = Duration::from_secs(90);

const MANIFESTS: &str = include_str!("../../../libs/extension-apiserver/examples/gauges.yaml");

#[tokio::test]
async fn gauges_are_listed_explained_and_watched() -> Result<()> {
    let suite = Suite::attach().await?;
    let Some(cluster) = suite.own() else { return skip("it starts a server beside a cluster of our own") };
    let gauges = cluster.example("gauges", 8443, MANIFESTS).await?;
    let kubectl = suite.kubectl();

    let table = kubectl.run(&["get", "gauges.gauges.example.com"]).await?;
    let head: Vec<&str> = table.lines().next().context("a table")?.split_whitespace().collect();
    assert_eq!(head, ["NAME", "VALUE", "UNIT"], "{table}");
    assert!(table.contains("uptime") && table.contains("seconds"), "{table}");
    let refused = kubectl.output(&["delete", "gauge", "uptime"], "").await?;
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(why.contains("the server does not allow this method on the requested resource"), "{why}");

    let seen = tokio::time::timeout(PATIENCE, ticks(&suite, 3)).await??;
    assert!(seen.is_sorted_by(|earlier, later| earlier < later), "{seen:?}");
    let explained = tokio::time::timeout(COLLECTED, explained(kubectl)).await?;
    assert!(explained.contains("What was read last."), "{explained}");
    gauges.stop().await
}

/// What kubectl explains, once kube-apiserver has collected what there is to explain.
async fn explained(kubectl: &Kubectl) -> String {
    loop {
        let explain = ["explain", "gauges.value", "--api-version=gauges.example.com/v1"];
        if let Ok(explained) = kubectl.run(&explain).await {
            return explained;
        }
    }
}

/// The values of `uptime` as a watch tells them.
async fn ticks(suite: &Suite, count: usize) -> Result<Vec<i64>> {
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("gauges.example.com", "v1", "Gauge"));
    let api: Api<DynamicObject> = Api::all_with(suite.client().clone(), &kind);
    let only = WatchParams::default().fields("metadata.name=uptime");
    let mut events = pin!(api.watch(&only, "0").await?);
    let mut seen = Vec::new();
    while seen.len() < count {
        let event = events.try_next().await?.context("the watch ended")?;
        let (WatchEvent::Added(gauge) | WatchEvent::Modified(gauge)) = event else { continue };
        ensure!(gauge.metadata.name.as_deref() == Some("uptime"), "{:?} was not selected", gauge.metadata);
        seen.push(gauge.data["value"].as_i64().context("a value")?);
    }
    Ok(seen)
}
