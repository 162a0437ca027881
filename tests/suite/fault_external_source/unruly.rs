//! Objects that admission never saw: each is an error of itself, and stops nothing else.
use super::RECOVERY;
use crate::{
    aggregated::post,
    scene::Scene,
    sources::{condition, manifest, ready, until_in},
};
use anyhow::{Context, Result};
use cluster::{poison, suite::skip};
use crds::{ExternalSource, conditions};
use http::StatusCode;
use kube::{Api, api::DynamicObject};
use serde_json::{Value, json};

impl Scene {
    /// Runs something while no webhook and no schema of ours is in the way, and puts both back.
    pub(super) async fn without_rules<T>(&self, work: impl AsyncFnOnce() -> Result<T>) -> Result<T> {
        self.suite.own().context("our own cluster")?.without_rules(work).await
    }

    /// Creates a source whatever it looks like.
    pub(super) async fn force(&self, object: Value) -> Result<()> {
        poison::force(&self.anything(), object).await
    }

    /// The sources as they are stored, whether they can be read as such or not.
    pub(super) fn anything(&self) -> Api<DynamicObject> {
        poison::sources(self.suite.client(), self.namespace.name())
    }
}

fn says(reason: &'static str) -> impl Fn(&ExternalSource) -> bool {
    move |source| ready(source).is_some_and(|ready| ready.status == "False" && ready.reason == reason)
}

#[tokio::test]
async fn a_spec_from_before_the_rules_is_stalled_and_named() -> Result<()> {
    let scene = Scene::alone().await?;
    if scene.suite.own().is_none() {
        return skip("these webhooks are not ours to remove");
    }
    let http = json!({ "url": scene.upstream.url(), "method": "GET" });
    let spec = json!({ "interval": "1s", "timeout": "30s", "generator": { "type": "http", "http": http } });
    scene.without_rules(async || scene.force(poison::object("old", &spec)).await).await?;
    let source = until_in(RECOVERY, &scene.sources, "old", says("InvalidSpec")).await?;
    assert!(ready(&source).context("Ready")?.message.contains("spec.interval"));
    let stalled = condition(&source, conditions::STALLED).context("Stalled")?;
    assert_eq!((stalled.status.as_str(), stalled.reason.as_str()), ("True", "InvalidSpec"));
    let path = scene.path("externalsources/old/refresh");
    let refused = post(scene.suite.client(), &path, &[]).await?;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let status: Value = serde_json::from_slice(refused.body())?;
    assert_eq!(status["details"]["causes"][0]["field"], "spec.interval");
    scene.namespace.kubectl(&["delete", "externalsource", "old", "--timeout=30s"]).await?;
    Ok(())
}

#[tokio::test]
async fn an_object_that_cannot_be_read_is_reported_on_itself_and_stops_nothing() -> Result<()> {
    let scene = Scene::alone().await?;
    if scene.suite.own().is_none() {
        return skip("these webhooks are not ours to remove");
    }
    let any = scene.anything();
    let poisoned = json!({ "interval": { "not": "a duration" }, "generator": [1, 2, 3] });
    let said = scene.without_rules(async || {
        scene.force(poison::object("poisoned", &poisoned)).await?;
        let second = manifest("two", &scene.upstream.url(), "");
        scene.namespace.apply(&second).await?;
        crate::sources::until_ready(&scene.sources, "two").await?;
        tokio::time::timeout(RECOVERY, async {
            loop {
                let object = any.get("poisoned").await?;
                let conditions = object.data["status"]["conditions"].as_array().cloned().unwrap_or_default();
                if let Some(ready) = conditions.iter().find(|condition| condition["type"] == "Ready") {
                    return anyhow::Ok(ready.clone());
                }
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        })
        .await
        .context("nothing was reported")?
    });
    let said = said.await?;
    assert_eq!((said["status"].as_str(), said["reason"].as_str()), (Some("False"), Some("InvalidSpec")));
    let message = "this object cannot be read: spec.generator: Invalid value: array: must be an object; \
                   spec.interval: Invalid value: object: must be a string";
    assert_eq!(said["message"].as_str(), Some(message));
    scene.still_works("unharmed").await?;
    Ok(())
}
