//! A disk that answers with EIO, at each thing that is done to it: told, nothing half is published, and all is well once it works.
use super::RECOVERY;
use crate::{
    archive::{self, noise},
    fault_crashes::files,
    scene::Scene,
    sources::{ready, revision, until_in},
    upstream::Answer,
};
use anyhow::{Context, Result, ensure};
use artifacts::failpoint::Disk;
use cluster::{
    Cluster,
    suite::{skip, to_its_end},
};
use crds::{ExternalSource, external_source::Artifact};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// What is stored with one write, and what is staged as it comes.
const SIZES: [usize; 2] = [1_000, 2 << 20];

#[tokio::test]
async fn a_disk_that_breaks_is_told_publishes_nothing_half_and_heals_without_a_restart() -> Result<()> {
    let scene = Scene::alone().await?;
    let Some(cluster) = scene.suite.own() else { return skip("this Postern is not ours to restart") };
    let (mut postern, armed) = (cluster.postern(), cluster.directory().file("armed-disk"));
    postern.environment.push(("POSTERN_FAILPOINT", armed.display().to_string()));
    let outcome = async {
        postern.restart().await?;
        scene.still_works("on-a-disk").await?;
        let pid = postern.pid();
        for (seed, (disk, size)) in
            (0..).zip(Disk::ALL.into_iter().flat_map(|disk| SIZES.map(|size| (disk, size))))
        {
            breaks(&scene, cluster, &armed, (disk, noise(seed, size)))
                .await
                .with_context(|| format!("{disk:?} of {size} bytes"))?;
        }
        ensure!(postern.pid() == pid, "it was restarted");
        anyhow::Ok(())
    };
    let outcome = to_its_end(outcome).await;
    // There is none, if the test ended before.
    let _ = fs::remove_file(&armed);
    cluster.postern().restart().await?;
    outcome
}

async fn breaks(scene: &Scene, cluster: &Cluster, armed: &Path, (disk, body): (Disk, Vec<u8>)) -> Result<()> {
    let before = scene.artifact().await?;
    let seen = blobs(cluster)?;
    fs::write(armed, format!("EIO {disk:?}"))?;
    scene.upstream.answer(Answer::data(body));
    scene.annotate(&format!("{disk:?}-{}", before.short_revision)).await?;
    let message = scene.told("StorageOperationFailed").await.context("nothing is told")?;
    ensure!(message.starts_with("the store failed while storing a blob"), "{message}");
    ensure!(scene.artifact().await? == before, "what is published changed");
    served(&before).await?;
    ensure!(blobs(cluster)?.is_subset(&seen), "something half is there");
    fs::remove_file(armed)?;
    let is_new = |source: &ExternalSource| {
        let is_other = revision(source).is_some_and(|revision| revision != before.revision);
        is_other && ready(source).is_some_and(|ready| ready.status == "True")
    };
    until_in(RECOVERY, &scene.sources, "one", is_new).await.context("it does not heal")?;
    served(&scene.artifact().await?).await
}

async fn served(artifact: &Artifact) -> Result<()> {
    let bytes = reqwest::get(&artifact.url).await?.error_for_status()?.bytes().await?;
    ensure!(archive::digest(&bytes) == artifact.digest, "other bytes than were published");
    Ok(())
}

/// All that lies below the sources, by any name. What nobody needs any more may be collected meanwhile, and only that.
fn blobs(cluster: &Cluster) -> Result<BTreeSet<PathBuf>> {
    Ok(files(&cluster.directory().path().join("store/externalsource"))?.into_iter().collect())
}
