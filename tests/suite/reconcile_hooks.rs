//! What hooks make of request and data, and what their failures make of a source.
mod policies;
mod requests;
mod whitelist;

use crate::{
    api_external_source::log::assert_in_order,
    archive,
    process::Peak,
    scene::Scene,
    sources::{ready, revision},
    upstream::Answer,
};
use anyhow::{Context, Result, ensure};
use cluster::suite::{Suite, skip};
use serde_json::{Value, json};
use std::time::Duration;

impl Scene {
    /// There is no source yet; nothing where this installation may have no hooks.
    async fn with_hooks(answer: Answer) -> Result<Option<Self>> {
        let scene = Self::empty(Suite::attach().await?, "hooks", answer).await?;
        match scene.suite.own() {
            Some(_) => Ok(Some(scene)),
            None => skip("this installation may have no hooks").map(|()| None),
        }
    }

    /// Applies the source with these hooks, and what `change` makes of its spec.
    async fn apply_hooks(&self, hooks: &Value, change: impl FnOnce(&mut Value)) -> Result<String> {
        self.apply_changed(|spec| {
            spec["hooks"] = hooks.clone();
            change(spec);
        })
        .await
    }

    /// The one file of the published artifact.
    async fn transformed(&self) -> Result<String> {
        let files = self.files().await?;
        ensure!(files.len() == 1, "{files:?}");
        Ok(files[0].1.clone())
    }
}

/// A hook that runs this script.
fn shell(name: &str, script: &str) -> Value {
    json!({ "name": name, "command": "sh", "args": ["-c", script] })
}

fn sed(name: &str, program: &str) -> Value {
    json!({ "name": name, "command": "sed", "args": [program] })
}

#[tokio::test]
async fn data_goes_through_every_hook_in_its_order() -> Result<()> {
    let Some(scene) = Scene::with_hooks(Answer::data("1\n")).await? else { return Ok(()) };
    let hooks = json!({ "postRequest": [sed("a", "s/1/12/"), sed("b", "s/12/3/"), { "name": "c", "command": "cat" }] });
    scene.apply_hooks(&hooks, |_| ()).await?;
    let source = scene.ready().await?;
    assert_eq!(scene.transformed().await?, "3\n");
    let artifact = source.status.and_then(|status| status.artifact).context("artifact")?;
    assert_eq!(artifact.metadata["contentHash"], archive::digest(b"1\n"), "the body as it was received");
    let ran =
        ["received 2 bytes", "hook a ended with exit code 0", "hook b ended", "hook c ended", "packed "];
    assert_in_order(&scene.logged("the pass went well").await?, &ran);
    Ok(())
}

#[tokio::test]
async fn another_hook_is_another_artifact_though_the_source_has_not_changed() -> Result<()> {
    let Some(scene) = Scene::with_hooks(Answer::data("1\n")).await? else { return Ok(()) };
    scene.apply_hooks(&json!({ "postRequest": [sed("a", "s/1/2/")] }), |_| ()).await?;
    let before = revision(&scene.ready().await?);
    let same = revision(&scene.request("same").await?);
    assert_eq!(
        (same, scene.upstream.downloads()),
        (before.clone(), 1),
        "unchanged, and asked for conditionally"
    );
    scene.apply_hooks(&json!({ "postRequest": [sed("a", "s/1/3/")] }), |_| ()).await?;
    crate::sources::until(&scene.sources, "one", |source| {
        revision(source).is_some_and(|new| Some(new) != before)
    })
    .await?;
    assert_eq!(scene.transformed().await?, "3\n");
    Ok(())
}

#[tokio::test]
async fn a_hook_may_make_an_archive_that_is_unpacked() -> Result<()> {
    let Some(scene) = Scene::with_hooks(Answer::data("1\n")).await? else { return Ok(()) };
    let pack = shell("pack", "tar -cf - -C / --transform=s,etc/hostname,host, etc/hostname");
    scene
        .apply_hooks(&json!({ "postRequest": [pack] }), |spec| {
            spec["generator"]["http"]["unpack"] = "Always".into();
        })
        .await?;
    scene.ready().await?;
    assert_eq!(scene.files().await?[0].0, "host");
    Ok(())
}

#[tokio::test]
async fn a_body_that_is_not_the_pinned_one_reaches_no_hook() -> Result<()> {
    let Some(scene) = Scene::with_hooks(Answer::data("1\n")).await? else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let mark = folder.path().join("ran");
    let hooks = json!({ "postRequest": [shell("mark", &format!("touch {}", mark.display()))] });
    scene.apply_hooks(&hooks, |spec| spec["generator"]["http"]["sha256"] = "0".repeat(64).into()).await?;
    scene.failed("DigestMismatch").await?;
    assert!(!mark.exists());
    Ok(())
}

#[tokio::test]
async fn an_executor_that_is_gone_publishes_nothing_and_is_waited_for() -> Result<()> {
    let scene = Scene::empty(Suite::attach_alone().await?, "fault", Answer::data("1\n")).await?;
    let Some(cluster) = scene.suite.own() else { return skip("this installation may have no hooks") };
    let ignored = json!({ "name": "a", "command": "sed", "args": ["s/1/2/"], "retryPolicy": "ignore" });
    scene.apply_hooks(&json!({ "postRequest": [ignored] }), |_| ()).await?;
    let before = scene.ready().await?;
    cluster.hook_executor().stop().await?;
    scene.upstream.answer(Answer::data("1 2\n"));
    let failed = scene.request("gone").await?;
    let condition = ready(&failed).context("Ready")?;
    assert_eq!(condition.reason, "HookExecutorUnavailable", "{}", condition.message);
    assert_eq!(revision(&failed), revision(&before), "what was not transformed is not published");
    cluster.hook_executor().start().await?;
    scene.ready().await?;
    assert_eq!(scene.transformed().await?, "2 2\n");
    Ok(())
}

#[tokio::test]
async fn a_large_body_goes_through_a_hook_in_constant_memory() -> Result<()> {
    const SIZE: usize = 90 << 20;
    let scene = Scene::empty(Suite::attach_alone().await?, "fault", Answer::data("warm")).await?;
    let Some(cluster) = scene.suite.own() else { return skip("this installation may have no hooks") };
    let cat =
        json!({ "postRequest": [{ "name": "a", "command": "cat" }, { "name": "b", "command": "cat" }] });
    scene.apply_hooks(&cat, |_| ()).await?;
    scene.ready().await?;
    let pids = [cluster.postern().pid(), cluster.hook_executor().pid()];
    let peaks = pids.map(|pid| Peak::of(pid.context("it runs")?));
    scene.upstream.answer(Answer::data(vec![7; SIZE]));
    let source = scene.request_in(Duration::from_secs(120), "large").await?;
    let artifact = source.status.and_then(|status| status.artifact).context("artifact")?;
    assert_eq!(artifact.metadata["contentHash"], archive::digest(&vec![7; SIZE]));
    let grown = peaks.into_iter().map(|peak| Ok(peak?.grown())).sum::<Result<u64>>()?;
    ensure!(grown <= 24 << 20, "both processes grew by {} MiB", grown >> 20);
    Ok(())
}
