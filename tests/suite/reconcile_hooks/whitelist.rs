//! What becomes of sources when the operator changes the whitelist.
use crate::{events, scene::Scene, upstream::Answer};
use anyhow::Result;
use serde_json::json;
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::time::{sleep, timeout};

/// Where events about the installation are.
const INSTALLATION: &str = "postern-system";

/// The whitelist of the harness, with one command more or less. Dropped, it is as it was.
struct Whitelist {
    path: PathBuf,
    before: String,
}

impl Whitelist {
    fn at(path: &Path) -> Result<Self> {
        Ok(Self { path: path.to_owned(), before: fs::read_to_string(path)? })
    }

    /// Replaced as a whole, as kubelet does it.
    fn write(&self, text: &str) -> Result<()> {
        let new = self.path.with_extension("new");
        fs::write(&new, text)?;
        Ok(fs::rename(new, &self.path)?)
    }

    fn admit(&self, command: &str) -> Result<()> {
        self.write(&format!("{}  {command}: {{}}\n", self.before))
    }

    fn restore(&self) -> Result<()> {
        self.write(&self.before)
    }
}

impl Drop for Whitelist {
    fn drop(&mut self) {
        let _told_by_the_next_test = self.restore();
    }
}

#[tokio::test]
async fn a_source_follows_what_the_whitelist_admits() -> Result<()> {
    let Some(scene) = Scene::with_hooks(Answer::data("1\n2\n")).await? else { return Ok(()) };
    let Some(cluster) = scene.suite.own() else { return Ok(()) };
    let whitelist = Whitelist::at(&cluster.hook_executor().whitelist())?;
    let hooks = json!({ "postRequest": [{ "name": "reverse", "command": "tac" }] });
    let refused = scene.apply_hooks(&hooks, |_| ()).await.expect_err("it is not listed").to_string();
    assert!(refused.contains("spec.hooks.postRequest[0]"), "{refused}");

    whitelist.admit("tac")?;
    let admitted = async {
        while scene.apply_hooks(&hooks, |_| ()).await.is_err() {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(Duration::from_secs(20), admitted).await?;
    scene.ready().await?;
    assert_eq!(scene.transformed().await?, "2\n1\n");

    whitelist.restore()?;
    let message = scene.failed("HookNotAllowed").await?;
    assert!(message.contains("spec.hooks.postRequest[0]"), "{message}");
    assert_eq!(scene.transformed().await?, "2\n1\n", "what was published stays");

    whitelist.admit("tac")?;
    scene.ready().await?;

    let may_fail =
        json!({ "postRequest": [{ "name": "reverse", "command": "tac", "retryPolicy": "ignore" }] });
    scene.apply_hooks(&may_fail, |_| ()).await?;
    for (is_admitted, becomes) in [(false, "1\n2\n"), (true, "2\n1\n")] {
        if is_admitted {
            whitelist.admit("tac")?;
        } else {
            whitelist.restore()?;
        }
        let becomes = async {
            while scene.transformed().await? != becomes {
                sleep(Duration::from_millis(100)).await;
            }
            anyhow::Ok(())
        };
        timeout(Duration::from_secs(20), becomes).await??;
    }
    let told = events::until(&scene.suite, scene.namespace.name(), "HookIgnored").await?;
    assert!(told.contains("reverse"), "{told}");

    whitelist.write("commands: [")?;
    let told = events::until(&scene.suite, INSTALLATION, "WhitelistRefused").await?;
    assert!(told.contains("hook-whitelist.yaml"), "{told}");
    whitelist.restore()?;
    events::until(&scene.suite, INSTALLATION, "WhitelistLoaded").await?;
    Ok(())
}
