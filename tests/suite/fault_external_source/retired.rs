//! Revisions that were published once and are kept no longer: remembered across a restart, forgotten with their source.
use crate::{
    scene::Scene,
    sources::{manifest, revision},
    upstream::Answer,
};
use anyhow::{Context, Result};
use cluster::suite::{Suite, skip};
use http::StatusCode;
use std::fs;

#[tokio::test]
async fn a_revision_that_left_the_history_is_gone_also_after_a_restart() -> Result<()> {
    let scene = Scene::empty(Suite::attach_alone().await?, "fault", Answer::data("1")).await?;
    let Some(cluster) = scene.suite.own() else { return skip("this Postern is not ours to restart") };
    let only_one = manifest("one", &scene.upstream.url(), "")
        .replace("interval: 10m", "interval: 10m\n  history: { limit: 1 }");
    scene.namespace.apply(&only_one).await?;
    let first = revision(&scene.ready().await?).context("revision")?;
    scene.upstream.answer(Answer::data("2"));
    scene.request("second").await?;
    scene.caught_up().await?;
    let status = async |revision: &str| -> Result<StatusCode> {
        Ok(scene.get(&format!("externalsources/one/artifact?revision={revision}")).await?.status())
    };
    assert_eq!(status(&first).await?, StatusCode::GONE);

    cluster.postern().restart().await?;
    scene.caught_up().await?;
    assert_eq!(status(&first).await?, StatusCode::GONE);
    assert_eq!(status(&"0".repeat(64)).await?, StatusCode::NOT_FOUND);

    scene.namespace.kubectl(&["delete", "externalsource", "one", "--timeout=30s"]).await?;
    let source = format!("store/externalsource/{}/one", scene.namespace.name());
    let left = fs::read_dir(cluster.directory().path().join(source)).map_or(0, Iterator::count);
    assert_eq!(left, 0, "what is deleted leaves nothing in the store");
    Ok(())
}
