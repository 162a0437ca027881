//! Objects that no rule would let in, among a hundred: each says what is wrong with itself, and all others go on, also after a
//! restart that reads everything anew.
use super::RECOVERY;
use crate::{
    scene::Scene,
    sources::{ready, revision},
    upstream::Answer,
};
use anyhow::{Context, Result, bail, ensure};
use cluster::{
    poison::{self, Poison},
    suite::{skip, to_its_end},
};
use crds::ExternalSource;
use futures::{StreamExt, TryStreamExt, stream};
use kube::api::{ListParams, PostParams};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// How many have nothing wrong with them.
const GOOD: usize = 86;

/// How many requests run at once.
const AT_ONCE: usize = 8;

/// Between two looks at all of them.
const AGAIN: Duration = Duration::from_millis(200);

const LABEL: &str = "poisoned.test/good";

impl Scene {
    async fn create_good(&self) -> Result<()> {
        let create = async |n: usize| {
            let mut source = poison::object(&format!("good-{n}"), &poison::spec(&self.upstream.url()));
            source["metadata"]["labels"] = json!({ LABEL: "yes" });
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

    async fn each_is_told(&self, poisons: &[Poison]) -> Result<()> {
        for poison in poisons {
            poison.judge(&self.said(&poison.name).await?)?;
        }
        Ok(())
    }
}

#[tokio::test]
async fn poisoned_objects_among_a_hundred_stop_none_of_the_others() -> Result<()> {
    let scene = Scene::alone().await?;
    let Some(cluster) = scene.suite.own() else { return skip("these webhooks are not ours to remove") };
    let poisons = poison::every_kind(&scene.upstream.url());
    let first = scene.without_rules(async || {
        for poison in &poisons {
            scene.force(poison.object.clone()).await?;
        }
        scene.create_good().await?;
        let first = scene.agree(None).await?;
        scene.each_is_told(&poisons).await?;
        anyhow::Ok(first)
    });
    let first = first.await?;
    let checked = async {
        let second = scene.changes("second", &first).await?;
        cluster.postern().restart().await.context("with all of them stored")?;
        scene.changes("third", &second).await?;
        scene.each_is_told(&poisons).await
    };
    let checked = to_its_end(checked).await;
    poison::release(&cluster.kubectl(), scene.namespace.name()).await?;
    checked
}
