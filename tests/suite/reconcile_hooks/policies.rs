//! What a failure means, and how often a hook is run.
use super::shell;
use crate::{api_external_source::log::assert_in_order, events, scene::Scene, upstream::Answer};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::{fs, path::Path};

fn with_policy(mut hook: Value, policy: &str) -> Value {
    hook["retryPolicy"] = policy.into();
    hook
}

/// Leaves a line in a file each time it runs.
fn counting(name: &str, file: &Path, then: &str) -> Value {
    shell(name, &format!("cat; echo ran >> {}; {then}", file.display()))
}

fn runs(file: &Path) -> usize {
    fs::read_to_string(file).unwrap_or_default().lines().count()
}

#[tokio::test]
async fn what_may_fail_leaves_the_data_as_it_was_and_is_told() -> Result<()> {
    let Some(scene) = Scene::with_hooks(Answer::data("1\n")).await? else { return Ok(()) };
    let half = with_policy(shell("half", "echo half; exit 4"), "ignore");
    scene.apply_hooks(&json!({ "postRequest": [half, super::sed("then", "s/1/2/")] }), |_| ()).await?;
    scene.ready().await?;
    assert_eq!(scene.transformed().await?, "2\n");
    let note = events::until(&scene.suite, scene.namespace.name(), "HookIgnored").await?;
    assert_eq!(note, "postRequest hook half failed and is ignored: it ended with exit code 4");
    let told = ["hook half failed after ", "hook half is ignored", "hook then ended with exit code 0"];
    assert_in_order(&scene.logged("the pass went well").await?, &told);
    Ok(())
}

#[tokio::test]
async fn what_was_ignored_is_run_again_though_the_source_has_not_changed() -> Result<()> {
    let Some(scene) = Scene::with_hooks(Answer::data("1\n")).await? else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let mark = folder.path().join("mark").display().to_string();
    let second = shell("second", &format!("test -e {mark} && exec sed s/1/2/; touch {mark}; exit 1"));
    scene.apply_hooks(&json!({ "postRequest": [with_policy(second, "ignore")] }), |_| ()).await?;
    scene.ready().await?;
    assert_eq!(scene.transformed().await?, "1\n");
    scene.request("again").await?;
    assert_eq!(scene.transformed().await?, "2\n");
    Ok(())
}

#[tokio::test]
async fn what_must_not_fail_ends_the_pass_at_its_first_run() -> Result<()> {
    let Some(scene) = Scene::with_hooks(Answer::data("1\n")).await? else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let (bad, after) = (folder.path().join("bad"), folder.path().join("after"));
    let hooks = json!({ "postRequest": [counting("bad", &bad, "exit 4"), counting("after", &after, "")] });
    scene.apply_hooks(&hooks, |_| ()).await?;
    let message = scene.failed("HookFailed").await?;
    assert_eq!(message, "postRequest hook bad failed: it ended with exit code 4");
    let source = scene.sources.get("one").await?;
    let next = source.status.and_then(|status| status.next_fetch_time).context("nextFetchTime")?;
    assert!(next.0.duration_since(jiff::Timestamp::now()).as_secs() > 500, "due at the interval: {next:?}");
    assert_eq!((runs(&bad), runs(&after)), (1, 0));
    Ok(())
}

#[tokio::test]
async fn all_hooks_of_a_pass_share_its_retries() -> Result<()> {
    let Some(scene) = Scene::with_hooks(Answer::data("1\n")).await? else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    let once = format!("test $(wc -l < {}) != 1", first.display());
    let hooks = json!({ "postRequest": [
        with_policy(counting("first", &first, &once), "retry"),
        with_policy(counting("second", &second, "exit 1"), "retry"),
    ] });
    scene.apply_hooks(&hooks, |spec| spec["maxRetries"] = 2.into()).await?;
    let message = scene.failed("MaxRetriesExceeded").await?;
    assert!(
        message.starts_with("postRequest hook second failed") && message.contains("all 2 retries"),
        "{message}"
    );
    assert_eq!(
        (runs(&first), runs(&second)),
        (3, 2),
        "three passes, and the first of them ended at the first hook"
    );
    Ok(())
}

#[tokio::test]
async fn what_is_tried_again_may_end_well() -> Result<()> {
    let Some(scene) = Scene::with_hooks(Answer::data("1\n")).await? else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("runs");
    let twice = format!("test $(wc -l < {}) = 2", file.display());
    let hooks = json!({ "postRequest": [with_policy(counting("flaky", &file, &twice), "retry")] });
    scene.apply_hooks(&hooks, |_| ()).await?;
    scene.ready().await?;
    assert_eq!((runs(&file), scene.transformed().await?.as_str()), (2, "1\n"));
    Ok(())
}

#[tokio::test]
async fn a_hook_has_its_time_and_no_more() -> Result<()> {
    let Some(scene) = Scene::with_hooks(Answer::data("1\n")).await? else { return Ok(()) };
    let mut slow = shell("slow", "trap '' TERM; while :; do :; done");
    slow["timeout"] = "300ms".into();
    scene.apply_hooks(&json!({ "postRequest": [slow] }), |_| ()).await?;
    let message = scene.failed("HookTimedOut").await?;
    assert_eq!(message, "postRequest hook slow failed: it was not done in its timeout");
    Ok(())
}
