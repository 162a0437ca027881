//! A store in S3: any number of replicas serve what one has published, and what S3 does or does not do is told and healed.
use super::{RECOVERY, damage::spoil};
use crate::{
    archive::{self, noise},
    events,
    scene::Scene,
    sources::{ready, until_in},
    upstream::Answer,
};
use anyhow::{Context, Result, ensure};
use cluster::{
    Cluster, Postern, S3Gateway,
    suite::{skip, to_its_end},
};
use crds::external_source::Artifact;
use http::StatusCode;
use std::{fs, path::PathBuf, sync::Arc, time::Duration};
use tokio::{
    sync::Semaphore,
    time::{sleep, timeout},
};

/// Longer than a copy stands for a blob without a look at the store.
const MOMENT: Duration = Duration::from_millis(200);

/// Between two looks.
const AGAIN: Duration = Duration::from_millis(100);

/// Larger than one part of an upload, and not to be compressed.
pub(super) const LARGE: usize = 20 << 20;

/// A Postern of the cluster with its store in S3, for as long as one test needs it.
pub(super) struct Bucket<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) gateway: S3Gateway,
}

impl Bucket<'_> {
    /// Runs `test`; afterwards Postern is as it was.
    pub(super) async fn lend(
        scene: &Scene,
        name: &str,
        test: impl AsyncFnOnce(&Bucket<'_>) -> Result<()>,
    ) -> Result<()> {
        let Some(cluster) = scene.suite.own() else { return skip("this Postern is not ours to restart") };
        let bucket = Bucket { cluster, gateway: cluster.s3_gateway(name).await? };
        let outcome = async {
            bucket.uses(cluster.postern()).restart().await?;
            scene.still_works("in-s3").await?;
            scene.ready().await?;
            test(&bucket).await
        };
        let outcome = to_its_end(outcome).await;
        cluster.postern().restart().await?;
        bucket.gateway.kill().await?;
        outcome
    }

    pub(super) fn uses(&self, postern: Postern) -> Postern {
        let mut postern = postern;
        postern.flags.push(format!("--store={}", self.gateway.store("a/prefix")));
        postern.environment = self.gateway.environment();
        postern
    }

    pub(super) fn file(&self, artifact: &Artifact) -> PathBuf {
        self.folder().join(&artifact.path)
    }

    /// The folder of the store.
    pub(super) fn folder(&self) -> PathBuf {
        self.gateway.bucket().join("a/prefix")
    }
}

impl Scene {
    pub(super) async fn artifact(&self) -> Result<Artifact> {
        let source = self.sources.get("one").await?;
        source.status.and_then(|status| status.artifact).context("artifact")
    }

    pub(super) async fn publish(&self, token: &str, body: Vec<u8>) -> Result<Artifact> {
        self.upstream.answer(Answer::data(body));
        self.still_works(token).await?;
        self.ready().await?;
        self.artifact().await
    }
}

pub(super) async fn is_served(url: &str, artifact: &Artifact) -> Result<()> {
    let bytes = reqwest::get(url).await?.error_for_status()?.bytes().await?;
    ensure!(archive::digest(&bytes) == artifact.digest, "other bytes than were published");
    Ok(())
}

#[tokio::test]
async fn what_one_replica_puts_into_s3_every_replica_serves() -> Result<()> {
    let scene = Scene::alone().await?;
    Bucket::lend(&scene, "s3-replicas", async |bucket| {
        let second = bucket.uses(bucket.cluster.another_postern("s3-second")?);
        second.start().await?;
        let served = async {
            for (token, body) in [("small", b"2".to_vec()), ("large", noise(0, LARGE))] {
                let artifact = scene.publish(token, body).await?;
                ensure!(bucket.file(&artifact).is_file(), "it lies in the bucket, by its digest");
                for postern in [&bucket.cluster.postern(), &second] {
                    let url = format!("http://{}/{}", postern.endpoints.artifacts, artifact.path);
                    is_served(&url, &artifact).await?;
                }
            }
            anyhow::Ok(())
        };
        let served = to_its_end(served).await;
        second.stop().await?;
        served
    })
    .await
}

#[tokio::test]
async fn two_replicas_that_store_the_same_at_once_agree_on_one_blob() -> Result<()> {
    let scene = Scene::alone().await?;
    Bucket::lend(&scene, "s3-race", async |bucket| {
        let gate = Arc::new(Semaphore::new(0));
        let [first, second] =
            [bucket.cluster.postern(), bucket.cluster.another_postern("s3-rival")?].map(|postern| {
                let mut rival = bucket.uses(postern);
                rival.flags.push("--leader-elect=false".to_owned());
                rival
            });
        first.restart().await?;
        second.start().await?;
        let raced = async {
            scene.ready().await?;
            let before = scene.upstream.downloads();
            scene.upstream.answer(Answer::data(noise(0, LARGE)).behind(&gate));
            scene.annotate("race").await?;
            let both_ask = timeout(RECOVERY, async {
                while scene.upstream.downloads() < before + 2 {
                    sleep(AGAIN).await;
                }
            });
            both_ask.await.context("only one of them fetches")?;
            gate.close();
            let source = scene.still_works("after-the-race").await?;
            let artifact = source.status.and_then(|status| status.artifact).context("artifact")?;
            let stored = fs::read(bucket.file(&artifact))?;
            ensure!(archive::digest(&stored) == artifact.digest, "one whole blob, whoever put it");
            for rival in [&first, &second] {
                let url = format!("http://{}/{}", rival.endpoints.artifacts, artifact.path);
                is_served(&url, &artifact).await?;
            }
            scene.ready().await?;
            anyhow::Ok(())
        };
        let raced = to_its_end(raced).await;
        gate.close();
        second.stop().await?;
        raced
    })
    .await
}

#[tokio::test]
async fn s3_may_go_and_come_back() -> Result<()> {
    let scene = Scene::alone().await?;
    Bucket::lend(&scene, "s3-away", async |bucket| {
        let older = scene.artifact().await?;
        let artifact = scene.publish("before", b"2".to_vec()).await?;
        bucket.gateway.kill().await?;
        is_served(&artifact.url, &artifact).await.context("from memory")?;
        // For a moment the copy stands for what the store was just seen to hold.
        sleep(MOMENT).await;
        is_served(&artifact.url, &artifact).await.context("from memory, and the store is asked")?;
        let message = scene.told("StorageOperationFailed").await.context("its reader wakes the source")?;
        ensure!(message.ends_with("the stored artifact is served from memory meanwhile"), "{message}");
        let read = reqwest::get(&older.url).await?;
        ensure!(read.status() == StatusCode::SERVICE_UNAVAILABLE, "{}", read.status());
        scene.upstream.answer(Answer::data("3"));
        scene.annotate("away").await?;
        is_served(&artifact.url, &artifact).await.context("from memory, as often as one asks")?;
        ensure!(scene.artifact().await? == artifact, "what is published stays");

        bucket.gateway.start().await?;
        is_served(&artifact.url, &artifact).await?;
        scene.heals().await?;
        let next = scene.artifact().await?;
        ensure!(next.digest != artifact.digest, "and the pass that was asked for is done");
        is_served(&next.url, &next).await
    })
    .await
}

#[tokio::test]
async fn credentials_that_s3_refuses_are_named_and_never_shown() -> Result<()> {
    let scene = Scene::alone().await?;
    Bucket::lend(&scene, "s3-refused", async |bucket| {
        bucket.gateway.kill().await?;
        bucket.gateway.start_with_another_secret().await?;
        scene.annotate("refused").await?;
        let message = scene.told("StoreAccessDenied").await?;
        ensure!(message.contains("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"), "{message}");
        let log = fs::read_to_string(bucket.cluster.postern().log())?;
        for (name, value) in bucket.gateway.environment() {
            if name == "AWS_SECRET_ACCESS_KEY" {
                ensure!(!message.contains(&value) && !log.contains(&value), "{name} is shown");
            }
        }
        bucket.gateway.kill().await?;
        bucket.gateway.start().await?;
        scene.heals().await
    })
    .await
}

#[tokio::test]
async fn with_a_rate_objects_that_were_changed_are_told_of_after_a_start() -> Result<()> {
    let scene = Scene::alone().await?;
    Bucket::lend(&scene, "s3-verified", async |bucket| {
        let older = scene.artifact().await?;
        scene.publish("newest", b"2".to_vec()).await?;
        spoil(&bucket.file(&older))?;
        let mut postern = bucket.uses(bucket.cluster.postern());
        postern.flags.push("--verify-rate=1Gi".to_owned());
        postern.restart().await?;
        let note = events::until(&scene.suite, scene.namespace.name(), "StoredRevisionDamaged").await?;
        ensure!(note.contains(&older.short_revision), "{note}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_object_that_was_changed_in_s3_is_never_served() -> Result<()> {
    let scene = Scene::alone().await?;
    Bucket::lend(&scene, "s3-damage", async |bucket| {
        let artifact = scene.publish("whole", b"2".to_vec()).await?;
        is_served(&artifact.url, &artifact).await?;
        let file = bucket.file(&artifact);
        spoil(&file)?;
        // What identifies an object to its readers is told in whole seconds.
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(2);
        fs::File::options().write(true).open(&file)?.set_modified(later)?;
        archive::refused(&artifact.url, &artifact.digest).await?;
        let served = tokio::time::timeout(RECOVERY, async {
            while is_served(&artifact.url, &artifact).await.is_err() {
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        });
        served.await.context("its reader did not heal it")
    })
    .await
}

impl Scene {
    pub(super) async fn annotate(&self, token: &str) -> Result<()> {
        let annotation = format!("reconcile.fluxcd.io/requestedAt={token}");
        self.namespace.kubectl(&["annotate", "--overwrite", "externalsource", "one", &annotation]).await?;
        Ok(())
    }

    /// Waits until the source is not ready for that reason, and returns in which words.
    pub(super) async fn told(&self, reason: &str) -> Result<String> {
        let is_told = |source: &crds::ExternalSource| {
            ready(source).is_some_and(|ready| ready.status == "False" && ready.reason == reason)
        };
        let source = until_in(RECOVERY, &self.sources, "one", is_told).await?;
        Ok(ready(&source).context("it has the condition")?.message.clone())
    }

    pub(super) async fn heals(&self) -> Result<()> {
        let is_ready =
            |source: &crds::ExternalSource| ready(source).is_some_and(|ready| ready.status == "True");
        until_in(RECOVERY, &self.sources, "one", is_ready).await?;
        Ok(())
    }
}
