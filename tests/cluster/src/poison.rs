//! Sources that no rule would let in, and how they come to be stored nevertheless: as if from before the rules, while neither
//! webhook nor schema is in the way.
use crate::{cluster::Cluster, kubectl::Kubectl};
use anyhow::{Context, Result, ensure};
use crds::external_source::FINALIZER;
use kube::{
    Api, Client,
    api::{DynamicObject, PostParams},
    core::{ApiResource, GroupVersionKind},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::{sleep, timeout};

const CRD: &str = "externalsources.source.flux.oddkin.co";
/// As many finalizers, and as many labels, as a heavy object has.
const MANY: usize = 10_000;
/// A schema is loose after this time.
const PATIENCE: Duration = Duration::from_secs(60);
/// Takes a type of its fields, and lets everything through.
const LOOSE: &str = r#"[
    { "op": "remove", "path": "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties" },
    { "op": "remove", "path": "/spec/versions/0/schema/openAPIV3Schema/properties/spec/required" },
    {
        "op": "add",
        "path": "/spec/versions/0/schema/openAPIV3Schema/properties/spec/x-kubernetes-preserve-unknown-fields",
        "value": true
    }
]"#;

/// One poisoned source.
pub struct Poison {
    /// Of the object.
    pub name: String,
    /// To be created as it is.
    pub object: Value,
    /// The field that no rule lets in; none where it is only the weight.
    pub wrong: Option<&'static str>,
}

impl Poison {
    /// Checks what its condition Ready says: what is wrong, or that nothing is.
    ///
    /// # Errors
    /// It says something else.
    pub fn judge(&self, ready: &Value) -> Result<()> {
        let told = match self.wrong {
            None => ready["status"] == "True",
            Some(field) => {
                let named = ready["message"].as_str().is_some_and(|message| message.contains(field));
                ready["status"] == "False" && ready["reason"] == "InvalidSpec" && named
            }
        };
        ensure!(told, "{}: {ready}", self.name);
        Ok(())
    }
}

/// A spec that has nothing wrong with it.
pub fn spec(url: &str) -> Value {
    json!({ "interval": "10m", "timeout": "30s", "generator": { "type": "http", "http": { "url": url, "method": "GET" } } })
}

/// Poison of every kind, of sources that would fetch `url`: specs that no rule lets in, and objects whose weight is all that is wrong.
pub fn every_kind(url: &str) -> Vec<Poison> {
    let invalid = invalid(url).into_iter().enumerate().map(|(n, (spec, field))| {
        let name = format!("poison-{n}");
        Poison { object: object(&name, &spec), name, wrong: Some(field) }
    });
    invalid.chain(heavy(url)).collect()
}

/// What no rule lets in, and the field that is wrong with it.
fn invalid(url: &str) -> Vec<(Value, &'static str)> {
    let with = |field: &str, value: Value| {
        let mut spec = spec(url);
        spec[field] = value;
        spec
    };
    let kind = |kind: Value| json!({ "type": kind, "http": { "url": url, "method": "GET" } });
    vec![
        (with("interval", json!("-1s")), "spec.interval"),
        (with("interval", json!("1e99h")), "spec.interval"),
        (with("interval", json!("1m1")), "spec.interval"),
        (with("interval", json!("9223372036854775807h")), "spec.interval"),
        (with("interval", json!(9_000_000_000_000_000_000_u64)), "spec.interval"),
        (with("timeout", json!("never")), "spec.timeout"),
        (with("maxRetries", json!("three")), "spec.maxRetries"),
        (with("history", json!({ "limit": -1 })), "spec.history.limit"),
        (with("generator", kind(json!("ftp"))), "spec.generator.type"),
        (with("generator", json!([1, 2, 3])), "spec.generator"),
        (json!({}), "spec."),
    ]
}

/// Nothing is wrong with these but their weight: a megabyte of what nobody knows, and metadata without end.
fn heavy(url: &str) -> [Poison; 3] {
    let names: Vec<_> = (0..MANY).map(|n| format!("poisoned.test/f{n}")).collect();
    let labels: BTreeMap<_, _> = names.iter().map(|name| (name, "x")).collect();
    let [mut large, mut finalizers, mut labelled] =
        ["large", "finalizers", "labels"].map(|name| object(name, &spec(url)));
    large["spec"]["unknown"] = "x".repeat(1_000_000).into();
    finalizers["metadata"]["finalizers"] = json!(names);
    labelled["metadata"]["labels"] = json!(labels);
    [("large", large), ("finalizers", finalizers), ("labels", labelled)].map(|(name, object)| Poison {
        name: name.to_owned(),
        object,
        wrong: None,
    })
}

/// A source as it is written, whatever its spec looks like.
pub fn object(name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "source.flux.oddkin.co/v1alpha1", "kind": "ExternalSource", "metadata": { "name": name }, "spec": spec,
    })
}

/// The sources of a namespace as they are stored, whether they can be read as such or not.
pub fn sources(client: &Client, namespace: &str) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("source.flux.oddkin.co", "v1alpha1", "ExternalSource");
    Api::namespaced_with(client.clone(), namespace, &ApiResource::from_gvk(&kind))
}

/// Creates a source whatever it looks like; the schema may take a moment to be loose.
///
/// # Errors
/// The API still refuses it when a schema has long been loose.
pub async fn force(sources: &Api<DynamicObject>, object: Value) -> Result<()> {
    let object: DynamicObject = serde_json::from_value(object)?;
    let mut refused = None;
    let forced = timeout(PATIENCE, async {
        while let Err(error) = sources.create(&PostParams::default(), &object).await {
            refused = Some(error);
            sleep(Duration::from_millis(100)).await;
        }
    });
    let forced = forced.await;
    forced.with_context(|| format!("the schema did not become loose: {refused:?}"))
}

/// Takes the finalizers off that nobody else would, and the namespace would wait for. Postern's own stays: without it a source
/// is gone before what is stored of it, which nobody finds but the sweep, minutes later.
///
/// # Errors
/// kubectl fails.
pub async fn release(kubectl: &Kubectl, namespace: &str) -> Result<()> {
    let own = json!({ "metadata": { "finalizers": [FINALIZER] } }).to_string();
    let arguments =
        ["patch", "-n", namespace, "externalsource", "finalizers", "--type=merge", "--patch", &own];
    kubectl.run(&arguments).await.map(drop)
}

impl Cluster {
    /// Runs something while no webhook and no schema of ours is in the way, and puts both back.
    ///
    /// # Errors
    /// That of what ran; or kubectl fails, or what is put back does not work.
    pub async fn without_rules<T>(&self, work: impl AsyncFnOnce() -> Result<T>) -> Result<T> {
        let kubectl = self.kubectl();
        let strict = kubectl.run(&["get", "crd", CRD, "--output=jsonpath={.spec.versions}"]).await?;
        let configurations = "mutatingwebhookconfigurations,validatingwebhookconfigurations";
        kubectl.run(&["delete", configurations, "postern"]).await?;
        patch(&kubectl, LOOSE).await?;
        let outcome = work().await;
        let strict = format!(r#"[{{ "op": "replace", "path": "/spec/versions", "value": {strict} }}]"#);
        patch(&kubectl, &strict).await?;
        self.register_postern().await?;
        outcome
    }
}

async fn patch(kubectl: &Kubectl, patch: &str) -> Result<()> {
    // A schema is longer than an argument may be.
    let arguments = ["patch", "crd", CRD, "--type=json", "--patch-file=/dev/stdin"];
    kubectl.run_with_input(&arguments, patch).await.map(drop)
}
