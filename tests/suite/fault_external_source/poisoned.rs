//! Objects that no rule would let in, among a hundred: each says what is wrong with itself, and all others go on, also after a
//! restart that reads everything anew.
use super::RECOVERY;
use crate::{
    scene::Scene,
    sources::{ready, revision},
    upstream::Answer,
};
use anyhow::{Context, Result, bail, ensure};
use cluster::suite::skip;
use crds::ExternalSource;
use futures::{StreamExt, TryStreamExt, stream};
use kube::api::{ListParams, PostParams};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use tokio::time::sleep;

/// How many have nothing wrong with them.
const GOOD: usize = 86;

/// How many requests run at once.
const AT_ONCE: usize = 8;

/// Between two looks at all of them.
const AGAIN: Duration = Duration::from_millis(200);

const LABEL: &str = "poisoned.test/good";

/// As many finalizers, and as many labels, as a heavy object has.
const MANY: usize = 10_000;

/// A spec that has nothing wrong with it.
fn spec(url: &str) -> Value {
    json!({ "interval": "10m", "timeout": "30s", "generator": { "type": "http", "http": { "url": url, "method": "GET" } } })
}

/// What no rule lets in, and the field that is wrong with it.
fn poisons(url: &str) -> Vec<(Value, &'static str)> {
    let with = |field: &str, value: Value| {
        let mut spec = spec(url);
        spec[field] = value;
        spec
    };
    let kind = |kind: Value| json!({ "type": kind, "http": { "url": url, "method": "GET" } });
    vec![
        (with("interval", json!("-1s")), "spec.interval"),
        (with("interval", json!("1e99h")), "spec.interval"),
        (with("interval", json!("1m1")), "spec.interval"),
        (with("interval", json!("9223372036854775807h")), "spec.interval"),
        (with("interval", json!(9_000_000_000_000_000_000_u64)), "spec.interval"),
        (with("timeout", json!("never")), "spec.timeout"),
        (with("maxRetries", json!("three")), "spec.maxRetries"),
        (with("history", json!({ "limit": -1 })), "spec.history.limit"),
        (with("generator", kind(json!("ftp"))), "spec.generator.type"),
        (with("generator", json!([1, 2, 3])), "spec.generator"),
        (json!({}), "spec."),
    ]
}

/// Nothing is wrong with these but their weight: a megabyte of what nobody knows, and metadata without end.
fn heavy(url: &str) -> Vec<Value> {
    let object = |name: &str| json!({ "metadata": { "name": name }, "spec": spec(url) });
    let (mut large, mut finalizers, mut labels) = (object("large"), object("finalizers"), object("labels"));
    large["spec"]["unknown"] = "x".repeat(1_000_000).into();
    let names: Vec<_> = (0..MANY).map(|n| format!("poisoned.test/f{n}")).collect();
    finalizers["metadata"]["finalizers"] = json!(names);
    let pairs: BTreeMap<_, _> = names.iter().map(|name| (name, "x")).collect();
    labels["metadata"]["labels"] = json!(pairs);
    vec![large, finalizers, labels]
}

impl Scene {
    async fn create_good(&self) -> Result<()> {
        let create = async |n: usize| {
            let source = json!({
                "apiVersion": "source.flux.oddkin.co/v1alpha1",
                "kind": "ExternalSource",
                "metadata": { "name": format!("good-{n}"), "labels": { LABEL: "yes" } },
                "spec": spec(&self.upstream.url()),
            });
            let source: ExternalSource = serde_json::from_value(source)?;
            self.sources.create(&PostParams::default(), &source).await?;
            anyhow::Ok(())
        };
        stream::iter(0..GOOD).map(create).buffer_unordered(AT_ONCE).try_collect().await
    }

    /// Waits until all that are good publish one revision, another one than `before`.
    async fn agree(&self, before: Option<&str>) -> Result<String> {
        let began = Instant::now();
        loop {
            let good = self.sources.list(&ListParams::default().labels(&format!("{LABEL}=yes"))).await?;
            ensure!(good.items.len() == GOOD, "{} are there", good.items.len());
            let is_ready =
                |source: &&ExternalSource| ready(source).is_some_and(|ready| ready.status == "True");
            let mut published: Vec<_> = good.iter().filter(is_ready).filter_map(revision).collect();
            published.retain(|revision| Some(revision.as_str()) != before);
            let count = published.len();
            published.dedup();
            match published.as_slice() {
                [one] if count == GOOD => return Ok(one.clone()),
                _ if began.elapsed() > RECOVERY => {
                    bail!("only {count} of {GOOD} publish one of {published:?}")
                }
                _ => sleep(AGAIN).await,
            }
        }
    }

    /// New data, for which somebody asks.
    async fn changes(&self, body: &'static str, before: &str) -> Result<String> {
        self.upstream.answer(Answer::data(body));
        let (label, asked) = (format!("{LABEL}=yes"), format!("reconcile.fluxcd.io/requestedAt={body}"));
        self.namespace.kubectl(&["annotate", "--overwrite", "externalsources", "-l", &label, &asked]).await?;
        self.agree(Some(before)).await
    }

    /// What Ready says of an object, whatever else is in it, once it says something.
    async fn said(&self, name: &str) -> Result<Value> {
        let began = Instant::now();
        loop {
            let object = self.anything().get(name).await?;
            let conditions = object.data["status"]["conditions"].as_array().cloned().unwrap_or_default();
            match conditions.into_iter().find(|condition| condition["type"] == "Ready") {
                Some(ready) if ready["status"] != "Unknown" => return Ok(ready),
                _ if began.elapsed() > RECOVERY => bail!("nothing is said of {name}"),
                _ => sleep(AGAIN).await,
            }
        }
    }

    async fn each_is_told(&self, url: &str) -> Result<()> {
        for (n, (_, field)) in poisons(url).into_iter().enumerate() {
            let said = self.said(&format!("poison-{n}")).await?;
            ensure!(said["status"] == "False" && said["reason"] == "InvalidSpec", "poison-{n}: {said}");
            ensure!(
                said["message"].as_str().is_some_and(|message| message.contains(field)),
                "poison-{n}: {said}"
            );
        }
        for object in heavy(url) {
            let name = object["metadata"]["name"].as_str().context("a name")?;
            let said = self.said(name).await?;
            ensure!(said["status"] == "True", "{name}: {said}");
        }
        Ok(())
    }
}

#[tokio::test]
async fn poisoned_objects_among_a_hundred_stop_none_of_the_others() -> Result<()> {
    let scene = Scene::alone().await?;
    let Some(cluster) = scene.suite.own() else { return skip("these webhooks are not ours to remove") };
    let url = scene.upstream.url();
    let first = scene.without_rules(async || {
        for (n, (spec, _)) in poisons(&url).into_iter().enumerate() {
            scene.force(&format!("poison-{n}"), spec).await?;
        }
        for object in heavy(&url) {
            scene.force_object(object).await?;
        }
        scene.create_good().await?;
        let first = scene.agree(None).await?;
        scene.each_is_told(&url).await?;
        anyhow::Ok(first)
    });
    let first = first.await?;
    let checked = async {
        let second = scene.changes("second", &first).await?;
        cluster.postern().restart().await.context("with all of them stored")?;
        scene.changes("third", &second).await?;
        scene.each_is_told(&url).await
    };
    let checked = checked.await;
    // Nobody else takes these off, and the namespace would wait for it.
    let bare = r#"{"metadata":{"finalizers":null}}"#;
    scene
        .namespace
        .kubectl(&["patch", "externalsource", "finalizers", "--type=merge", "--patch", bare])
        .await?;
    checked
}
