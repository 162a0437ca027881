//! What most tests begin with: a namespace of their own, a source in it, and the server behind that source.
use crate::{
    archive,
    sources::{PATIENCE, manifest, manifest_of, sources, until_failed, until_in, until_ready},
    upstream::{Answer, Upstream},
};
use anyhow::{Context, Result};
use cluster::{namespace::Namespace, suite::Suite};
use crds::{ExternalSource, annotations::REQUESTED_AT};
use kube::Api;
use serde_json::{Value, json};
use std::time::Duration;

/// One source, called `one`, with an upstream of its own. Fields drop in this order: the namespace while the cluster is
/// still held.
pub(crate) struct Scene {
    pub(crate) upstream: Upstream,
    pub(crate) sources: Api<ExternalSource>,
    pub(crate) namespace: Namespace,
    pub(crate) suite: Suite,
}

impl Scene {
    /// There is no source yet. `class` begins the name of the namespace.
    pub(crate) async fn empty(suite: Suite, class: &str, answer: Answer) -> Result<Self> {
        let namespace = suite.namespace(class).await?;
        let upstream = Upstream::start(answer).await;
        let sources = sources(suite.client(), namespace.name());
        Ok(Self { upstream, sources, namespace, suite })
    }

    /// A source that is ready, and the cluster all to ourselves.
    pub(crate) async fn alone() -> Result<Self> {
        let scene = Self::empty(Suite::attach_alone().await?, "fault", Answer::data("1")).await?;
        scene.apply("").await?;
        scene.ready().await?;
        Ok(scene)
    }

    /// Applies the source; `more` goes below `spec.generator.http`.
    pub(crate) async fn apply(&self, more: &str) -> Result<String> {
        self.namespace.apply(&manifest("one", &self.upstream.url(), more)).await
    }

    /// Applies the source with what `change` makes of its spec.
    pub(crate) async fn apply_changed(&self, change: impl FnOnce(&mut Value)) -> Result<String> {
        let mut source = json!({
            "apiVersion": "source.flux.oddkin.co/v1alpha1",
            "kind": "ExternalSource",
            "metadata": { "name": "one" },
            "spec": {
                "interval": "10m",
                "generator": { "type": "http", "http": { "url": self.upstream.url() } },
            },
        });
        change(&mut source["spec"]);
        self.namespace.apply(&source.to_string()).await
    }

    /// Applies the source as one of that type; settings are as for [`manifest_of`].
    pub(crate) async fn apply_of(&self, kind: &str, settings: &str) -> Result<()> {
        self.namespace.apply(&manifest_of("one", kind, settings)).await.map(drop)
    }

    /// Waits until the source is ready.
    pub(crate) async fn ready(&self) -> Result<ExternalSource> {
        until_ready(&self.sources, "one").await
    }

    /// Waits until the source says that it failed so, and returns in which words.
    pub(crate) async fn failed(&self, reason: &str) -> Result<String> {
        until_failed(&self.sources, "one", reason).await
    }

    /// Asks for a pass as a person does, and waits until it has ended.
    pub(crate) async fn request(&self, token: &str) -> Result<ExternalSource> {
        self.request_in(PATIENCE, token).await
    }

    /// As [`Scene::request`], after a fault.
    pub(crate) async fn request_in(&self, patience: Duration, token: &str) -> Result<ExternalSource> {
        let annotation = format!("{REQUESTED_AT}={token}");
        self.namespace.kubectl(&["annotate", "--overwrite", "externalsource", "one", &annotation]).await?;
        let handled = |source: &ExternalSource| {
            source.status.as_ref().and_then(|status| status.last_handled_reconcile_at.as_deref())
                == Some(token)
        };
        until_in(patience, &self.sources, "one", handled).await
    }

    /// Asks for one as Flux's receivers do, on the ExternalArtifact, and waits until it has ended.
    pub(crate) async fn request_through_flux(&self, token: &str) -> Result<ExternalSource> {
        let annotation = format!("{REQUESTED_AT}={token}");
        self.namespace.kubectl(&["annotate", "externalartifact", "one", &annotation]).await?;
        let handled = |source: &ExternalSource| {
            let status = source.status.as_ref();
            status.and_then(|status| status.last_handled_artifact_reconcile_at.as_deref()) == Some(token)
        };
        until_in(PATIENCE, &self.sources, "one", handled).await
    }

    /// The files of the published artifact.
    pub(crate) async fn files(&self) -> Result<Vec<(String, String)>> {
        archive::files(&reqwest::get(self.url().await?).await?.error_for_status()?.bytes().await?)
    }

    /// Where the published artifact can be fetched.
    pub(crate) async fn url(&self) -> Result<String> {
        let source = self.sources.get("one").await?;
        Ok(source.status.and_then(|status| status.artifact).context("artifact")?.url)
    }
}
