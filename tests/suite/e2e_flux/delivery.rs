//! One way of data: from a source, through an ExternalArtifact and a Kustomization, to a ConfigMap.
use crate::{archive, scene::Scene, sources::PATIENCE, upstream::Answer, watched};
use anyhow::{Context, Result};
use cluster::suite::Suite;
use crds::ExternalArtifact;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api,
    api::{ApiResource, DynamicObject, GroupVersionKind},
};
use serde_json::Value;
use std::time::Duration;

/// Flux asks again after pauses of its own.
pub(super) const PATIENCE_WITH_FLUX: Duration = Duration::from_secs(90);

/// Reconciled once an hour, and whenever its source has a new revision.
const KUSTOMIZATION: &str = "apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: { name: one }
spec:
  interval: 1h
  retryInterval: 2s
  prune: true
  path: ./
  sourceRef: { kind: ExternalArtifact, name: one }
";

/// The source `one`, the Kustomization `one` that applies it, and what arrives: the ConfigMap `delivered`.
pub(super) struct Delivery {
    pub(super) scene: Scene,
    published: Api<ExternalArtifact>,
    kustomizations: Api<DynamicObject>,
    arrived: Api<ConfigMap>,
}

impl Delivery {
    /// The source serves round 1. Nothing where kustomize-controller is not ours to start.
    pub(super) async fn begin(suite: Suite) -> Result<Option<Self>> {
        let Some(cluster) = suite.own() else { return Ok(None) };
        cluster.start_kustomize_controller().await?;
        let scene = Scene::empty(suite, "e2e-flux", manifests("1")).await?;
        let (client, namespace) = (scene.suite.client().clone(), scene.namespace.name().to_owned());
        let kind = GroupVersionKind::gvk("kustomize.toolkit.fluxcd.io", "v1", "Kustomization");
        let kustomizations = Api::namespaced_with(client.clone(), &namespace, &ApiResource::from_gvk(&kind));
        let published = Api::namespaced(client.clone(), &namespace);
        let delivery =
            Self { scene, published, kustomizations, arrived: Api::namespaced(client, &namespace) };
        delivery.scene.apply("      unpack: Always\n").await?;
        let into_namespace = format!("{KUSTOMIZATION}  targetNamespace: {namespace}\n");
        delivery.scene.namespace.apply(&into_namespace).await?;
        Ok(Some(delivery))
    }

    /// Waits until another revision than this one is published.
    pub(super) async fn published_after(&self, revision: &str) -> Result<String> {
        let is_new = |artifact: &ExternalArtifact| published(artifact).is_some_and(|new| new != revision);
        let artifact = watched::until(PATIENCE, &self.published, "one", is_new).await?;
        Ok(published(&artifact).context("revision")?.to_owned())
    }

    /// Waits until what the source serves in that round is in the cluster.
    pub(super) async fn arrived(&self, round: &str) -> Result<ConfigMap> {
        let is_of_round = |map: &ConfigMap| {
            map.data.as_ref().and_then(|data| data.get("round")).is_some_and(|found| found == round)
        };
        watched::until(PATIENCE_WITH_FLUX, &self.arrived, "delivered", is_of_round).await
    }

    /// As [`Self::arrived`], and until Flux says so.
    pub(super) async fn delivered(&self, round: &str) -> Result<DynamicObject> {
        self.arrived(round).await?;
        let revision = self.published_after("").await?;
        self.until(|object| is_ready(object) == Some(true) && applied(object) == Some(&revision)).await
    }

    /// Makes Flux fetch and apply again, and waits until it has.
    pub(super) async fn reconciled(&self, token: &str) -> Result<DynamicObject> {
        self.request(token).await?;
        self.until(|object| is_handled(object, token) && is_ready(object) == Some(true)).await
    }

    /// Makes Flux try again, and returns why it could not.
    pub(super) async fn not_ready(&self, token: &str) -> Result<String> {
        self.request(token).await?;
        let object =
            self.until(|object| is_handled(object, token) && is_ready(object) == Some(false)).await?;
        Ok(ready(&object).context("Ready")?["message"].as_str().unwrap_or_default().to_owned())
    }

    async fn request(&self, token: &str) -> Result<()> {
        let annotation = format!("reconcile.fluxcd.io/requestedAt={token}");
        let annotate = ["annotate", "--overwrite", "kustomization", "one", &annotation];
        self.scene.namespace.kubectl(&annotate).await.map(drop)
    }

    async fn until(&self, wanted: impl Fn(&DynamicObject) -> bool) -> Result<DynamicObject> {
        watched::until(PATIENCE_WITH_FLUX, &self.kustomizations, "one", wanted).await
    }
}

/// What the source serves in a round.
pub(super) fn manifests(round: &str) -> Answer {
    let map = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{ name: delivered }}\ndata: {{ round: \"{round}\" }}\n"
    );
    Answer::data(archive::tar(&[("configmap.yaml", &map)]))
}

/// The revision that Flux says it has applied.
pub(super) fn applied(kustomization: &DynamicObject) -> Option<&str> {
    kustomization.data["status"]["lastAppliedRevision"].as_str()
}

fn published(artifact: &ExternalArtifact) -> Option<&str> {
    Some(&artifact.status.as_ref()?.artifact.as_ref()?.revision)
}

fn is_handled(kustomization: &DynamicObject, token: &str) -> bool {
    kustomization.data["status"]["lastHandledReconcileAt"] == token
}

fn is_ready(kustomization: &DynamicObject) -> Option<bool> {
    Some(ready(kustomization)?["status"] == "True")
}

fn ready(kustomization: &DynamicObject) -> Option<&Value> {
    let conditions = kustomization.data["status"]["conditions"].as_array()?;
    conditions.iter().find(|condition| condition["type"] == "Ready")
}
