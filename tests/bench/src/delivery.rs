//! A new revision on its way into the cluster: from `status.artifact` to what Flux's kustomize-controller has applied.
use crate::{
    fleet,
    report::{self, Goal, Row, Section},
    samples::{Samples, Unit},
    setting::Setting,
    source::Source,
    watching::Watching,
};
use anyhow::Result;
use cluster::Cluster;
use crds::ExternalSource;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client,
    api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams},
    runtime::watcher::Config,
};
use serde_json::{Value, json};
use std::time::Duration;

const NAMESPACE: &str = "bench-delivery";
const NAME: &str = "delivered";
/// How many revisions a round has.
const REVISIONS: usize = 10;

/// Where the objects are that take part.
struct Delivery {
    sources: Api<ExternalSource>,
    kustomizations: Api<DynamicObject>,
    arrived: Api<ConfigMap>,
}

/// Measures revision after revision.
pub(crate) async fn measure(setting: &Setting, cluster: &Cluster, source: &Source) -> Result<Section> {
    cluster.start_kustomize_controller().await?;
    fleet::namespace(cluster, NAMESPACE).await?;
    let delivery = Delivery::new(cluster.client());
    delivery.begin(&source.url("documents/0")).await?;
    let (mut medians, mut longest) = (Vec::new(), Vec::new());
    for round in 0..setting.rounds {
        let mut times = Vec::new();
        for revision in 1..=REVISIONS {
            times.push(delivery.deliver(round * REVISIONS + revision).await?.as_secs_f64());
        }
        times.sort_by(f64::total_cmp);
        medians.push(times[times.len() / 2]);
        longest.push(times[times.len() - 1]);
    }
    delivery.end().await?;
    let rows = vec![
        Row::new("a new revision is applied after", Unit::Milliseconds, Samples::new(medians)),
        Row::new("… at most", Unit::Milliseconds, Samples::new(longest)).goal(Goal::AtMost(1.0)),
    ];
    let (title, commands) = ("Into the cluster with Flux".to_owned(), vec![report::alone("delivery")]);
    Ok(Section { title, method: method(), rows, commands })
}

fn method() -> String {
    format!(
        "Flux's kustomize-controller v1.9.4 has a Kustomization with an interval of an hour, whose source is the ExternalArtifact of \
         a source that lays out one ConfigMap. {REVISIONS} times a round the expression of the layout is changed. Time runs from when a \
         watch has shown another `status.artifact.revision` of the source until another has shown the ConfigMap as the new revision \
         has it; of a round the table takes the median and the longest. What kustomize-controller needs by itself is in it."
    )
}

impl Delivery {
    fn new(client: &Client) -> Self {
        let kind = GroupVersionKind::gvk("kustomize.toolkit.fluxcd.io", "v1", "Kustomization");
        let resource = ApiResource::from_gvk(&kind);
        Self {
            sources: Api::namespaced(client.clone(), NAMESPACE),
            kustomizations: Api::namespaced_with(client.clone(), NAMESPACE, &resource),
            arrived: Api::namespaced(client.clone(), NAMESPACE),
        }
    }

    async fn begin(&self, url: &str) -> Result<()> {
        let (mut arrived, _) = Watching::begin(self.arrived.clone(), ours()).await?;
        let source = json!({
            "apiVersion": "source.flux.oddkin.co/v1alpha1", "kind": "ExternalSource", "metadata": { "name": NAME },
            "spec": {
                "interval": "1h",
                "generator": { "type": "http", "http": { "url": url } },
                "layout": layout(0),
            },
        });
        self.sources.create(&PostParams::default(), &serde_json::from_value(source)?).await?;
        let kustomization = json!({
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization", "metadata": { "name": NAME },
            "spec": {
                "interval": "1h", "retryInterval": "2s", "prune": true, "path": "./", "targetNamespace": NAMESPACE,
                "sourceRef": { "kind": "ExternalArtifact", "name": NAME },
            },
        });
        self.kustomizations.create(&PostParams::default(), &serde_json::from_value(kustomization)?).await?;
        arrived.last(1, |map| is_of(map, 0)).await.map(drop)
    }

    /// How long after its publication that revision was applied.
    async fn deliver(&self, number: usize) -> Result<Duration> {
        let (mut sources, found) = Watching::begin(self.sources.clone(), ours()).await?;
        let (mut arrived, _) = Watching::begin(self.arrived.clone(), ours()).await?;
        let before = found.first().and_then(revision);
        let patch = Patch::Merge(json!({ "spec": { "layout": layout(number) } }));
        self.sources.patch(NAME, &PatchParams::default(), &patch).await?;
        let (published, applied) = tokio::try_join!(
            sources.last(1, |source| revision(source) != before),
            arrived.last(1, |map| is_of(map, number)),
        )?;
        Ok(applied.saturating_duration_since(published))
    }

    async fn end(&self) -> Result<()> {
        self.kustomizations.delete(NAME, &DeleteParams::default()).await?;
        self.sources.delete(NAME, &DeleteParams::default()).await?;
        Ok(())
    }
}

fn layout(number: usize) -> Value {
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": NAME }, "data": { "revision": number.to_string() },
    });
    // An expression in CEL may be written as JSON.
    json!([{ "path": "map.yaml", "cel": map.to_string() }])
}

fn is_of(map: &ConfigMap, number: usize) -> bool {
    map.data.as_ref().and_then(|data| data.get("revision")).is_some_and(|found| *found == number.to_string())
}

fn revision(source: &ExternalSource) -> Option<String> {
    Some(source.status.as_ref()?.artifact.as_ref()?.revision.clone())
}

fn ours() -> Config {
    Config::default().fields(&format!("metadata.name={NAME}"))
}
