//! What preRequest hooks may make of a request, and what not even they may.
use super::shell;
use crate::{network::Blackhole, scene::Scene, upstream::Answer};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::fs;

/// A hook that writes this.
fn writing(name: &str, output: &Value) -> Value {
    shell(name, &format!("printf %s '{output}'"))
}

#[tokio::test]
async fn a_hook_sees_no_secret_value_and_may_add_headers() -> Result<()> {
    let Some(scene) = Scene::with_hooks(Answer::data("1")).await? else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let read = folder.path().join("read");
    scene
        .namespace
        .apply("{apiVersion: v1, kind: Secret, metadata: {name: token}, stringData: {Authorization: Bearer 9b2e}}")
        .await?;
    let patch = json!([{ "op": "add", "path": "/headers/x-page", "value": "7" }]);
    let hook = shell("page", &format!("cat > {}; printf %s '{patch}'", read.display()));
    scene
        .apply_hooks(&json!({ "preRequest": [hook] }), |spec| {
            spec["generator"]["http"]["headersSecretRef"] = json!({ "name": "token" });
        })
        .await?;
    scene.ready().await?;
    let seen: Value = serde_json::from_str(&fs::read_to_string(&read)?)?;
    let request = json!({ "url": scene.upstream.url(), "method": "GET", "headers": { "authorization": null }, "body": null });
    assert_eq!(seen, request);
    let asked = scene.upstream.asked().pop().context("it was asked")?.headers;
    assert_eq!(
        (asked["x-page"].as_bytes(), asked["authorization"].as_bytes()),
        (&b"7"[..], &b"Bearer 9b2e"[..])
    );
    Ok(())
}

#[tokio::test]
async fn hooks_of_a_request_build_on_each_other() -> Result<()> {
    let Some(scene) = Scene::with_hooks(Answer::data("1")).await? else { return Ok(()) };
    let whole =
        json!({ "url": scene.upstream.url(), "method": "POST", "headers": { "x-one": "1" }, "body": "q" });
    let then = json!([{ "op": "add", "path": "/headers/x-two", "value": "2" }]);
    scene.apply_hooks(&json!({ "preRequest": [writing("a", &whole), writing("b", &then)] }), |_| ()).await?;
    scene.ready().await?;
    let asked = scene.upstream.asked().pop().context("it was asked")?.headers;
    assert!(asked["x-one"] == "1" && asked["x-two"] == "2" && asked["content-length"] == "1", "{asked:?}");
    Ok(())
}

#[tokio::test]
async fn the_guard_is_asked_about_what_a_hook_makes() -> Result<()> {
    let Some(scene) = Scene::with_hooks(Answer::data("1")).await? else { return Ok(()) };
    let _unreachable = Blackhole::over("169.254.0.0/16")?;
    let away =
        json!([{ "op": "replace", "path": "/url", "value": "http://169.254.169.254/latest/meta-data/" }]);
    scene.apply_hooks(&json!({ "preRequest": [writing("away", &away)] }), |_| ()).await?;
    let message = scene.failed("AddressRefused").await?;
    assert!(message.contains("169.254.169.254") && message.contains("metadata"), "{message}");
    assert_eq!(scene.upstream.asked().len(), 0);
    Ok(())
}

#[tokio::test]
async fn what_is_no_request_and_what_breaks_a_rule_is_refused_by_name() -> Result<()> {
    let Some(scene) = Scene::with_hooks(Answer::data("1")).await? else { return Ok(()) };
    let url = |url: &str| json!([{ "op": "replace", "path": "/url", "value": url }]).to_string();
    for (name, output, why) in [
        ("broken", r#"{"url": "#.to_owned(), "it wrote neither a request as JSON nor a JSON patch of one"),
        ("file", url("file:///etc/passwd"), "breaks the rule of spec.generator.http.url"),
        ("user", url("http://u:canary-9b2e@example.com"), "breaks the rule of spec.generator.http.url"),
        (
            "nowhere",
            r#"[{"op":"remove","path":"/canary-9b2e"}]"#.to_owned(),
            "its JSON patch does not fit the request",
        ),
    ] {
        let hook = shell(name, &format!("printf %s '{output}'"));
        scene.apply_hooks(&json!({ "preRequest": [hook] }), |_| ()).await?;
        let named = crate::sources::until(&scene.sources, "one", |source| {
            crate::sources::ready(source)
                .is_some_and(|ready| ready.message.starts_with(&format!("preRequest hook {name} ")))
        });
        let source = named.await?;
        let ready = crate::sources::ready(&source).context("Ready")?;
        assert_eq!(ready.reason, "HookFailed");
        assert!(ready.message.contains(why) && !ready.message.contains("canary"), "{}", ready.message);
    }
    assert_eq!(scene.upstream.asked().len(), 0);
    Ok(())
}
