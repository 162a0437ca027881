//! Controllers that share the sources by their labels: each works on its own, and what changes its label changes hands unharmed.
mod apart;
mod overlapping;

use super::{
    RECOVERY,
    s3::{Bucket, is_served},
};
use crate::{
    aggregated::post_object,
    scene::Scene,
    sources::{manifest, ready, revision, until_in, until_ready},
    upstream::{Answer, Upstream},
};
use anyhow::{Context, Result, ensure};
use cluster::Postern;
use crds::{ExternalSource, annotations::WATCH_LABEL_SELECTOR, external_source::Artifact};
use http::StatusCode;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, ResourceExt, api::ListParams};
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};
use tokio::time::{sleep, timeout};

const KEY: &str = "sharding.fluxcd.io/key";

/// How long blobs that nobody keeps are spared, and the pause between two looks for them.
const GRACE: &str = "1000";

/// Between two looks.
const AGAIN: Duration = Duration::from_millis(100);

impl Bucket<'_> {
    /// A Postern that works on some sources.
    fn shard(&self, postern: Postern, selector: &str) -> Postern {
        let mut postern = self.uses(postern);
        postern.flags.push(format!("--watch-label-selector={selector}"));
        postern.environment.push(("POSTERN_FAILPOINT_GRACE_MS", GRACE.to_owned()));
        postern
    }
}

impl Scene {
    /// Another source, of that shard, with an upstream of its own.
    async fn sharded(&self, name: &str, shard: &str) -> Result<Upstream> {
        let upstream = Upstream::start(Answer::data(format!("{name}: 1\n"))).await;
        let labelled = format!("metadata: {{ name: {name}, labels: {{ {KEY}: {shard} }} }}");
        let manifest =
            manifest(name, &upstream.url(), "").replace(&format!("metadata: {{ name: {name} }}"), &labelled);
        self.namespace.apply(&manifest).await?;
        Ok(upstream)
    }

    async fn label(&self, name: &str, label: &str) -> Result<()> {
        self.namespace.kubectl(&["label", "--overwrite", "externalsource", name, label]).await.map(drop)
    }

    /// What a request for something to be done with a source is answered with.
    async fn asked(&self, name: &str, what: &str, body: &Value) -> Result<(StatusCode, Value)> {
        let path = self.path(&format!("externalsources/{name}/{what}"));
        let response = post_object(&self.suite.client_without_retries().await?, &path, &[], body).await?;
        Ok((response.status(), serde_json::from_slice(response.body())?))
    }

    /// What a refresh of a source is answered with.
    async fn refreshed(&self, name: &str) -> Result<(StatusCode, Value)> {
        self.asked(name, "refresh", &json!({})).await
    }

    /// Until a refresh is refused with these words: Leases must have been seen to be let go.
    async fn until_refused(&self, name: &str, words: &str) -> Result<()> {
        let refused = async {
            loop {
                let (code, said) = self.refreshed(name).await?;
                let is_said = said["message"].as_str().is_some_and(|message| message.contains(words));
                if code == StatusCode::SERVICE_UNAVAILABLE && is_said {
                    return anyhow::Ok(());
                }
                sleep(AGAIN).await;
            }
        };
        timeout(RECOVERY, refused).await.with_context(|| format!("{words:?} is never said"))?
    }

    /// The artifact of a source that gives other data than before, once a pass that was asked for has published it.
    async fn renewed(&self, name: &str, upstream: &Upstream, body: &'static str) -> Result<Artifact> {
        let before = revision(&self.sources.get(name).await?);
        upstream.answer(Answer::data(body));
        let asked = async {
            loop {
                let (code, said) = self.refreshed(name).await?;
                if code == StatusCode::CREATED {
                    return anyhow::Ok(());
                }
                // A shard that has just begun may not have been seen yet.
                ensure!(code == StatusCode::SERVICE_UNAVAILABLE, "{code}: {said}");
                sleep(AGAIN).await;
            }
        };
        timeout(RECOVERY, asked).await.context("nobody takes the request")??;
        let is_new = |source: &ExternalSource| revision(source) != before;
        let source = until_in(RECOVERY, &self.sources, name, is_new).await?;
        assert_eq!(ready(&source).context("Ready")?.status, "True");
        source.status.and_then(|status| status.artifact).context("artifact")
    }

    /// The selectors of the controllers that hold a Lease. One that was let go stays, and says what its last holder worked on.
    async fn selectors(&self) -> Result<BTreeSet<String>> {
        let leases: Api<Lease> = Api::namespaced(self.suite.client().clone(), "postern-system");
        let leases = leases.list(&ListParams::default()).await?;
        let held = leases.iter().filter(|lease| {
            let holder = lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref());
            holder.is_some_and(|holder| !holder.is_empty())
        });
        Ok(held.filter_map(|lease| lease.annotations().get(WATCH_LABEL_SELECTOR).cloned()).collect())
    }
}

#[tokio::test]
async fn each_shard_works_on_its_own_sources_and_a_label_moves_the_work() -> Result<()> {
    let scene = Scene::alone().await?;
    Bucket::lend(&scene, "shards", async |bucket| {
        let rest = bucket.shard(bucket.cluster.postern(), &format!("!{KEY}"));
        rest.restart().await?;
        scene.still_works("rest").await?;
        let mut shard = bucket.shard(bucket.cluster.another_postern("shard1")?, &format!("{KEY}=shard1"));
        shard.role = "controller";
        // What it stores the other one serves.
        shard.endpoints.artifacts = bucket.cluster.postern().endpoints.artifacts;
        let outcome = shared(&scene, bucket, &shard).await;
        shard.stop().await?;
        outcome
    })
    .await
}

async fn shared(scene: &Scene, bucket: &Bucket<'_>, shard: &Postern) -> Result<()> {
    // Nobody works on another shard's source, and whoever asks for a pass hears why.
    let two = scene.sharded("two", "shard1").await?;
    scene.until_refused("two", "has a --watch-label-selector that matches").await?;
    scene.still_works("first-alone").await?;
    let source = scene.sources.get("two").await?;
    assert_eq!((source.status.is_none(), two.asked().len()), (true, 0));

    // Each source is fetched by one of two.
    let asked = scene.upstream.asked().len();
    shard.start().await?;
    until_in(RECOVERY, &scene.sources, "two", |source| {
        ready(source).is_some_and(|ready| ready.status == "True")
    })
    .await?;
    let first = scene.renewed("two", &two, "two: 2\n").await?;
    is_served(&first.url, &first).await?;
    assert_eq!((two.asked().len(), scene.upstream.asked().len()), (2, asked));
    let expected = [format!("!{KEY}"), format!("{KEY} in (shard1)")];
    assert_eq!(scene.selectors().await?, BTreeSet::from(expected));

    // Without its label it is the other one's, which goes on where the first one was.
    scene.label("two", &format!("{KEY}-")).await?;
    let second = scene.renewed("two", &two, "two: 3\n").await?;
    is_served(&first.url, &first).await.context("what is kept is not lost")?;
    scene.label("two", &format!("{KEY}=shard1")).await?;
    let third = scene.renewed("two", &two, "two: 4\n").await?;
    for artifact in [&first, &second, &third] {
        is_served(&artifact.url, artifact).await?;
    }
    let moved = scene.sources.get("two").await?;
    assert_eq!(
        moved.status.as_ref().context("status")?.history.len(),
        4,
        "nobody forgot what the other one stored"
    );
    orphans(scene, bucket, &third).await?;

    // Who lets go is missed.
    shard.stop().await?;
    scene.until_refused("two", "has a --watch-label-selector that matches").await?;
    scene.still_works("in-the-end").await.map(drop)
}

/// The blob of a source that is gone is removed, and none of another shard's sources.
async fn orphans(scene: &Scene, bucket: &Bucket<'_>, of_shard: &Artifact) -> Result<()> {
    let orphan = scene.sharded("orphan", "shard1").await?;
    let source = until_ready(&scene.sources, "orphan").await?;
    let file = bucket.file(&source.status.and_then(|status| status.artifact).context("artifact")?);
    ensure!(file.is_file(), "it lies in the bucket");
    drop(orphan);
    // Of no shard it is deleted as an object that nobody cleans up after.
    scene.label("orphan", &format!("{KEY}=nobody")).await?;
    let bare = r#"{"metadata":{"finalizers":null}}"#;
    scene.namespace.kubectl(&["patch", "externalsource", "orphan", "--type=merge", "--patch", bare]).await?;
    scene.namespace.kubectl(&["delete", "externalsource", "orphan", "--wait"]).await?;
    let gone = async {
        while file.is_file() {
            sleep(AGAIN).await;
        }
    };
    timeout(RECOVERY, gone).await.context("the orphan stays")?;
    is_served(&of_shard.url, of_shard).await?;
    is_served(&scene.url().await?, &scene.artifact().await?).await
}
