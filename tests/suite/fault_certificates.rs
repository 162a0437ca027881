//! Certificates are renewed under load: every request succeeds, through kube-apiserver and past it. What is put into their
//! Secrets by hand does no harm.
mod garbage;
mod rotation;
mod short_lives;

use crate::scene::Scene;
use anyhow::{Context, Result};
use cluster::suite::skip;
use rotation::Rotation;
use std::time::Duration;
use tokio::time;

#[tokio::test]
async fn leaf_and_authority_are_renewed_without_a_failed_request() -> Result<()> {
    let scene = Scene::alone().await?;
    let (Some(cluster), Some(urls)) = (scene.suite.own(), scene.suite.urls()) else {
        return skip("these certificates are not ours to renew");
    };
    let rotation = Rotation::of(cluster, urls);
    let (_mirror, load) = rotation.load(&scene).await?;
    let (first, first_ca) = (rotation.served().await?, rotation.authority().await?.context("a CA")?);

    rotation.lose("postern-serving").await?;
    let second = rotation.until_served_other_than(&first).await?;

    rotation.lose("postern-ca").await?;
    let second_ca = rotation.until_published(&first_ca).await?;
    assert_eq!(rotation.served().await?, second, "not all clients know the new CA yet");

    rotation.age_authority().await?;
    rotation.lose("postern-serving").await?;
    let third = rotation.until_served_other_than(&second).await?;
    assert!(third != first);
    let trusted = rotation.until_all_bundles(|bundle| bundle.len() >= 3).await?;
    for bundle in trusted {
        assert!(bundle.contains(&first_ca) && bundle.contains(&second_ca), "a leaf of it may still live");
    }
    // Connections that were kept alive have been replaced by now, too.
    time::sleep(Duration::from_secs(2)).await;
    load.end().await.map(drop)
}
