//! Objects that admission never saw: each is an error of itself, and stops nothing else.
use super::RECOVERY;
use crate::{
    aggregated::post,
    scene::Scene,
    sources::{condition, manifest, ready, until_in},
};
use anyhow::{Context, Result};
use cluster::suite::skip;
use crds::{ExternalSource, conditions};
use http::StatusCode;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api,
    api::{DynamicObject, Patch, PatchParams},
    core::{ApiResource, GroupVersionKind},
};
use serde_json::{Value, json};

const CRD: &str = "externalsources.source.flux.oddkin.co";

impl Scene {
    /// Runs something while no webhook and no schema of ours is in the way, and puts both back.
    pub(super) async fn without_rules<T>(&self, work: impl AsyncFnOnce() -> Result<T>) -> Result<T> {
        let definitions: Api<CustomResourceDefinition> = Api::all(self.suite.client().clone());
        let before = definitions.get(CRD).await?;
        let kubectl = self.suite.kubectl();
        let configurations = "mutatingwebhookconfigurations,validatingwebhookconfigurations";
        kubectl.run(&["delete", configurations, "postern"]).await?;
        let loose = json!([
            { "op": "remove", "path": "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties" },
            { "op": "remove", "path": "/spec/versions/0/schema/openAPIV3Schema/properties/spec/required" },
            {
                "op": "add",
                "path": "/spec/versions/0/schema/openAPIV3Schema/properties/spec/x-kubernetes-preserve-unknown-fields",
                "value": true,
            },
        ]);
        let loose: json_patch::Patch = serde_json::from_value(loose)?;
        definitions.patch(CRD, &PatchParams::default(), &Patch::Json::<()>(loose)).await?;
        let outcome = work().await;
        let schema = json!([{ "op": "replace", "path": "/spec/versions", "value": before.spec.versions }]);
        let strict: json_patch::Patch = serde_json::from_value(schema)?;
        definitions.patch(CRD, &PatchParams::default(), &Patch::Json::<()>(strict)).await?;
        self.suite.own().context("our own cluster")?.register_postern().await?;
        outcome
    }

    /// Creates a source whatever it looks like; the schema may take a moment to be loose.
    pub(super) async fn force(&self, name: &str, spec: serde_json::Value) -> Result<()> {
        self.force_object(json!({ "metadata": { "name": name }, "spec": spec })).await
    }

    /// The same, of a whole object; kind and version are those of sources.
    pub(super) async fn force_object(&self, mut object: serde_json::Value) -> Result<()> {
        let any = self.anything();
        object["apiVersion"] = "source.flux.oddkin.co/v1alpha1".into();
        object["kind"] = "ExternalSource".into();
        let object: DynamicObject = serde_json::from_value(object)?;
        tokio::time::timeout(RECOVERY, async {
            while any.create(&Default::default(), &object).await.is_err() {
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        })
        .await
        .context("the schema did not become loose")
    }

    /// The sources as they are stored, whether they can be read as such or not.
    pub(super) fn anything(&self) -> Api<DynamicObject> {
        let kind = GroupVersionKind::gvk("source.flux.oddkin.co", "v1alpha1", "ExternalSource");
        let kind = ApiResource::from_gvk(&kind);
        Api::namespaced_with(self.suite.client().clone(), self.namespace.name(), &kind)
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
    scene.without_rules(async || scene.force("old", spec).await).await?;
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
        scene.force("poisoned", poisoned).await?;
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
