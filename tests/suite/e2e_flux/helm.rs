//! Charts as helm-controller takes them from an ExternalArtifact. Its rules, which `HelmRelease.spec.chartRef` shows: what stands
//! before the `@` of a revision must be the chart's version if it reads as one, a revision has one `@` and one `:`, and the
//! chart lies in a folder of its own.
use crate::{archive, scene::Scene, upstream::Answer};
use anyhow::{Context, Result};
use cluster::suite::Suite;

const CHART: &str = "apiVersion: v2\nname: shop\nversion: 1.2.3\n";

#[tokio::test]
async fn a_chart_keeps_its_folder_and_its_revision_claims_no_other_version() -> Result<()> {
    let chart = archive::tar(&[("shop/Chart.yaml", CHART), ("shop/values.yaml", "replicas: 1\n")]);
    let scene = Scene::empty(Suite::attach().await?, "e2e-flux", Answer::data(chart)).await?;
    scene.apply("      unpack: Always\n").await?;
    let status = scene.ready().await?.status.context("status")?;
    let artifact = status.artifact.context("artifact")?;

    let (pointer, digest) = artifact.revision.split_once('@').context("a revision has an @")?;
    let (algorithm, hex) = digest.split_once(':').context("a revision has a :")?;
    assert!(!pointer.starts_with(|first: char| first.is_ascii_digit() || first == 'v'), "{pointer}");
    assert!(!pointer.contains(':') && !digest.contains('@'), "{}", artifact.revision);
    // Twelve digits of it become build metadata of the chart's version.
    assert!(algorithm == "sha256" && hex.len() >= 12 && hex.chars().all(|digit| digit.is_ascii_hexdigit()));

    let archive = reqwest::get(&artifact.url).await?.error_for_status()?.bytes().await?;
    let names: Vec<_> = archive::files(&archive)?.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["shop/Chart.yaml", "shop/values.yaml"]);
    Ok(())
}
