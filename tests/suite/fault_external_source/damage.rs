//! Blobs that a person or a disk has damaged: never wrong bytes, and whole again without waiting for the interval.
use super::RECOVERY;
use crate::{
    archive, events,
    scene::Scene,
    sources::{PATIENCE, manifest},
    upstream::Answer,
};
use anyhow::{Context, Result};
use cluster::suite::{Suite, skip, to_its_end};
use crds::external_source::Artifact;
use http::StatusCode;
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::time::{sleep, timeout};

/// Between two reads of somebody who waits.
const AGAIN: Duration = Duration::from_millis(100);

impl Scene {
    /// A source that nothing but a reader wakes for an hour, and its artifact.
    async fn hourly() -> Result<(Self, Artifact)> {
        let scene = Self::empty(Suite::attach_alone().await?, "fault", Answer::data("1")).await?;
        let hourly = manifest("one", &scene.upstream.url(), "").replace("interval: 10m", "interval: 1h");
        scene.namespace.apply(&hourly).await?;
        let artifact = scene.ready().await?.status.and_then(|status| status.artifact);
        scene.caught_up().await?;
        Ok((scene, artifact.context("artifact")?))
    }

    /// Where a blob lies, if that is for us to disturb.
    pub(super) fn file(&self, artifact: &Artifact) -> Option<PathBuf> {
        Some(self.suite.own()?.directory().path().join("store").join(&artifact.path))
    }
}

#[tokio::test]
async fn a_damaged_blob_is_never_served_and_its_reader_heals_it() -> Result<()> {
    let (scene, artifact) = Scene::hourly().await?;
    let Some(file) = scene.file(&artifact) else { return skip("this store is not ours to disturb") };
    spoil(&file)?;
    // A client may wait out a 503 by itself, so the first answer can be the healed one. It is never another.
    let served = timeout(PATIENCE, async {
        loop {
            let read = scene.get("externalsources/one/content").await?;
            if read.status() != StatusCode::SERVICE_UNAVAILABLE {
                return anyhow::Ok(read);
            }
            sleep(AGAIN).await;
        }
    });
    let served = served.await.context("it did not heal")??;
    assert_eq!((served.status(), archive::digest(served.body())), (StatusCode::OK, artifact.digest));
    assert_eq!(scene.upstream.downloads(), 2, "once at first, and once to heal");
    let told = crate::events::until(&scene.suite, scene.namespace.name(), "ArtifactRestored").await?;
    assert!(told.starts_with("the stored artifact was missing or damaged"), "{told}");
    Ok(())
}

#[tokio::test]
async fn while_the_directory_is_away_the_newest_artifact_is_served_from_memory() -> Result<()> {
    let (scene, artifact) = Scene::hourly().await?;
    let Some(cluster) = scene.suite.own() else { return skip("this store is not ours to disturb") };
    let store = cluster.directory().path().join("store");
    let elsewhere = store.with_file_name("store-taken-away");
    fs::rename(&store, &elsewhere)?;
    let meanwhile = async {
        let read = reqwest::get(&artifact.url).await?.error_for_status()?.bytes().await?;
        assert_eq!(archive::digest(&read), artifact.digest);
        scene.told("StorageOperationFailed").await
    };
    let meanwhile = to_its_end(meanwhile).await;
    fs::rename(&elsewhere, &store)?;
    let message = meanwhile?;
    assert!(message.ends_with("the stored artifact is served from memory meanwhile"), "{message}");
    scene.heals().await?;
    assert_eq!(scene.upstream.downloads(), 1, "nothing was missing");
    // It goes on for five seconds to read from memory, which the next test must not see.
    cluster.postern().restart().await
}

#[tokio::test]
async fn an_older_revision_that_is_damaged_is_told_of_after_a_start_and_the_newest_is_mended() -> Result<()> {
    let (scene, older) = Scene::hourly().await?;
    let Some(cluster) = scene.suite.own() else { return skip("this store is not ours to disturb") };
    scene.upstream.answer(Answer::data("2"));
    scene.request("newest").await?;
    let newest = scene.sources.get("one").await?.status.and_then(|status| status.artifact).context("it")?;
    cluster.postern().stop().await?;
    for artifact in [&older, &newest] {
        spoil(&scene.file(artifact).context("the store is ours")?)?;
    }
    cluster.postern().start().await?;
    cluster.postern().touch_slice().await?;
    let note = events::until(&scene.suite, scene.namespace.name(), "StoredRevisionDamaged").await?;
    assert!(note.contains(&older.short_revision), "{note}");
    let mended = timeout(RECOVERY, async {
        while archive::digest(&fs::read(scene.file(&newest).context("ours")?)?) != newest.digest {
            sleep(AGAIN).await;
        }
        anyhow::Ok(())
    });
    mended.await.context("nobody read it, and nobody mended it")??;
    assert_eq!(scene.upstream.downloads(), 3, "each revision once, and the newest once more");
    let admin = cluster.postern().endpoints.admin;
    let metrics = reqwest::get(format!("http://{admin}/metrics")).await?.text().await?;
    let none = r#"postern_blobs_verified_total{outcome="Lost"} 0"#;
    assert!(metrics.contains(none.trim_end_matches(" 0")) && !metrics.contains(none), "{metrics}");
    Ok(())
}

#[tokio::test]
async fn a_lost_blob_that_flux_asks_for_is_there_soon_after() -> Result<()> {
    let (scene, artifact) = Scene::hourly().await?;
    let Some(file) = scene.file(&artifact) else { return skip("this store is not ours to disturb") };
    fs::remove_file(&file)?;
    let never_stored = artifact.url.replace(&artifact.digest["sha256:".len()..], &"0".repeat(64));
    assert_eq!(reqwest::get(&never_stored).await?.status(), StatusCode::NOT_FOUND);
    archive::refused(&artifact.url, &artifact.digest).await?;
    let served = timeout(PATIENCE, async {
        loop {
            let read = reqwest::get(&artifact.url).await?;
            if read.status() != StatusCode::NOT_FOUND {
                return anyhow::Ok(read.error_for_status()?.bytes().await?);
            }
            sleep(AGAIN).await;
        }
    });
    let served = served.await.context("it did not heal")??;
    assert_eq!(archive::digest(&served), artifact.digest);
    assert_eq!(scene.upstream.downloads(), 2, "once at first, and once to heal");
    Ok(())
}

/// Changes a byte.
pub(super) fn spoil(file: &Path) -> Result<()> {
    let mut bytes = fs::read(file)?;
    *bytes.last_mut().context("no blob is empty")? ^= 1;
    Ok(fs::write(file, bytes)?)
}
