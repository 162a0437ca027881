//! A thousand informers on one kube-apiserver: it passes all their watches on to one Postern.
use crate::{aggregated::get, scene::Scene, sources::PATIENCE, upstream::Answer};
use anyhow::{Context, Result, ensure};
use cluster::suite::{Suite, skip};
use futures::{AsyncBufReadExt, TryStreamExt, future::try_join_all};
use http_body_util::BodyExt;
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::Value;
use std::path::PathBuf;
use tokio::time;

const CLIENTS: usize = 10;
const WATCHES_EACH: usize = 100;

#[tokio::test]
async fn a_thousand_watches_through_one_kube_apiserver_all_see_a_change() -> Result<()> {
    let scene = Scene::empty(Suite::attach().await?, "api-watches", Answer::data("1")).await?;
    let Some(cluster) = scene.suite.own() else { return skip("not on somebody else's cluster") };
    scene.apply("").await?;
    scene.ready().await?;
    scene.caught_up().await?;
    let list: Value = serde_json::from_slice(scene.get("artifacts").await?.body())?;
    let version = list["metadata"]["resourceVersion"].as_str().context("a version")?;
    let path = scene.path(&format!("artifacts?watch=1&resourceVersion={version}"));

    let kubeconfig = cluster.directory().kubeconfig();
    let opened = (0..CLIENTS).map(|_| open(kubeconfig.clone(), &path));
    let watches = time::timeout(PATIENCE, try_join_all(opened)).await.context("not all watches opened")??;

    scene.upstream.answer(Answer::data("2"));
    scene.request("again").await?;
    let seen = watches.into_iter().flatten().map(added);
    let events = time::timeout(PATIENCE, try_join_all(seen)).await.context("not all watches saw it")??;

    assert_eq!(events.len(), CLIENTS * WATCHES_EACH);
    for event in &events {
        ensure!(event["object"] == events[0]["object"], "{event} and {}", events[0]);
    }
    Ok(())
}

type Lines = futures::io::Lines<futures::io::BufReader<Box<dyn futures::AsyncRead + Send + Unpin>>>;

/// As many watches as one client holds; a client has one pool of connections.
async fn open(kubeconfig: PathBuf, path: &str) -> Result<Vec<Lines>> {
    let kubeconfig = Kubeconfig::read_from(kubeconfig)?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    let client = Client::try_from(config)?;
    // The first one opens the connection that the others may share.
    get(&client, "/version", &[]).await?;
    try_join_all((0..WATCHES_EACH).map(|_| watch(client.clone(), path))).await
}

async fn watch(client: Client, path: &str) -> Result<Lines> {
    let response = client.send(http::Request::get(path).body(kube::client::Body::empty())?).await?;
    ensure!(response.status().is_success(), "a watch got {}", response.status());
    let bytes = response.into_body().into_data_stream().map_err(std::io::Error::other).into_async_read();
    let bytes: Box<dyn futures::AsyncRead + Send + Unpin> = Box::new(bytes);
    Ok(futures::io::BufReader::new(bytes).lines())
}

/// The new artifact; before it the old one is said to be current no more.
async fn added(mut lines: Lines) -> Result<Value> {
    loop {
        let event: Value = serde_json::from_str(&lines.try_next().await?.context("the watch ended")?)?;
        if event["type"] == "ADDED" {
            return Ok(event);
        }
    }
}
