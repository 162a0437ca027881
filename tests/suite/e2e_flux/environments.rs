//! `examples/environments`: two environments from one API, each its own part of the same artifact.
use super::{ELSEWHERE, delivery::PATIENCE_WITH_FLUX};
use crate::{archive, scene::Scene, tree, upstream::Answer, watched};
use anyhow::{Context, Result};
use cluster::suite::{Suite, skip};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use std::{fs, path::Path};

const EXAMPLE: &str = "examples/environments";

#[tokio::test]
async fn two_environments_follow_one_api_each_in_its_own_way() -> Result<()> {
    let suite = Suite::attach().await?;
    let Some(cluster) = suite.own() else { return skip(ELSEWHERE) };
    cluster.start_kustomize_controller().await?;
    let files = files(&tree::root().join(EXAMPLE).join("manifests"))?;
    let scene = Scene::empty(suite, "e2e-flux", served(&files)).await?;
    let example = fs::read_to_string(tree::root().join(EXAMPLE).join("flux.yaml"))?;
    let ours = example
        .replace("http://127.0.0.1:8686/manifests.tar", &scene.upstream.url())
        .replace("targetNamespace: default", &format!("targetNamespace: {}", scene.namespace.name()));
    scene.namespace.apply(&ours).await?;

    let maps: Api<ConfigMap> = Api::namespaced(scene.suite.client().clone(), scene.namespace.name());
    let dev = until(&maps, "dev-shop", "logLevel", "debug").await?;
    assert_eq!(value(&dev, "address"), Some("https://shop.dev.example.com"));
    let prod = until(&maps, "prod-shop", "logLevel", "info").await?;
    assert_eq!(value(&prod, "address"), Some("https://shop.example.com"));

    let quieter =
        files.into_iter().map(|(name, text)| (name, text.replace("logLevel: info", "logLevel: warn")));
    scene.upstream.answer(served(&quieter.collect::<Vec<_>>()));
    let now = "reconcile.fluxcd.io/requestedAt=now";
    scene.namespace.kubectl(&["annotate", "externalsource", "environments", now]).await?;
    until(&maps, "prod-shop", "logLevel", "warn").await?;
    let dev = maps.get("dev-shop").await?;
    assert_eq!(value(&dev, "logLevel"), Some("debug"), "its overlay says so");
    Ok(())
}

async fn until(maps: &Api<ConfigMap>, name: &str, key: &str, wanted: &str) -> Result<ConfigMap> {
    watched::until(PATIENCE_WITH_FLUX, maps, name, |map| value(map, key) == Some(wanted)).await
}

fn value<'a>(map: &'a ConfigMap, key: &str) -> Option<&'a str> {
    map.data.as_ref()?.get(key).map(String::as_str)
}

/// What is in the folders of a folder, by path from there.
fn files(folder: &Path) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for inner in fs::read_dir(folder)? {
        for file in fs::read_dir(inner?.path())? {
            let path = file?.path();
            let name = path.strip_prefix(folder)?.to_str().context("a name that is no UTF-8")?.to_owned();
            found.push((name, fs::read_to_string(&path)?));
        }
    }
    found.sort();
    Ok(found)
}

fn served(files: &[(String, String)]) -> Answer {
    let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    Answer::data(archive::tar(&files))
}
