//! What people type: kubectl on a resource that the library serves with every verb, through kube-apiserver.
mod reading;
mod writing;

use super::registered::Registered;
use anyhow::{Context, Result};
use cluster::Kubectl;
use serde_json::Value;

/// Runs a test twice, each time in a namespace of its own: with kubectl of the control plane's version, and with one that is a
/// minor version older.
async fn with_each_kubectl(test: impl AsyncFn(&Registered) -> Result<()>) -> Result<()> {
    let Some(here) = Registered::attach().await? else { return Ok(()) };
    test(&here).await?;
    drop(here);
    let Some(mut here) = Registered::attach().await? else { return Ok(()) };
    here.by = here.suite.own().context("it is our own")?.older_kubectl().await?;
    eprintln!("kubectl is older");
    test(&here).await.context("with an older kubectl")
}

#[tokio::test]
async fn the_older_kubectl_is_one_minor_version_older() -> Result<()> {
    let Some(here) = Registered::attach().await? else { return Ok(()) };
    let older = here.suite.own().context("it is our own")?.older_kubectl().await?;
    let minor = async |kubectl: &Kubectl| {
        let version: Value = serde_json::from_str(&kubectl.run(&["version", "--output=json"]).await?)?;
        let minor = version["clientVersion"]["minor"].as_str().context("a version")?;
        Ok::<u32, anyhow::Error>(minor.parse()?)
    };
    assert_eq!(minor(&older).await? + 1, minor(&here.by).await?);
    Ok(())
}
