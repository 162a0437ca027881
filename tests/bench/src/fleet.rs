//! Many sources in one namespace: applied at once, awaited, removed.
use crate::source::Source;
use anyhow::{Context, Result, bail};
use cluster::Cluster;
use crds::{
    ExternalArtifact, ExternalSource, ExternalSourceSpec,
    external_source::{Generator, HttpGenerator},
};
use futures::{StreamExt, TryStreamExt, future::try_join_all};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, Config, ResourceExt,
    api::{DeleteParams, ListParams, PostParams, WatchEvent, WatchParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use std::{
    collections::HashSet,
    fmt::Debug,
    time::{Duration, Instant},
};

/// How many connections the client has.
pub(crate) const CONNECTIONS: usize = 32;
/// After this time a bench has failed.
const PATIENCE: Duration = Duration::from_secs(120);

/// A namespace for sources.
pub(crate) struct Fleet<'a> {
    cluster: &'a Cluster,
    source: &'a Source,
    pub(crate) namespace: String,
    sources: Api<ExternalSource>,
}

impl<'a> Fleet<'a> {
    pub(crate) async fn new(cluster: &'a Cluster, source: &'a Source, namespace: &str) -> Result<Self> {
        self::namespace(cluster, namespace).await?;
        let sources = Api::namespaced(cluster.client().clone(), namespace);
        Ok(Self { cluster, source, namespace: namespace.to_owned(), sources })
    }

    /// Creates `count` sources through as many connections as the client has, and returns how long it took from the
    /// first request until a watch had shown the last of them ready.
    pub(crate) async fn apply(&self, numbers: std::ops::Range<usize>) -> Result<Duration> {
        let connections = clients(self.cluster).await?;
        let version = self.version().await?;
        let began = Instant::now();
        let create = try_join_all(connections.into_iter().enumerate().map(async |(first, client)| {
            let api: Api<ExternalSource> = Api::namespaced(client, &self.namespace);
            for number in numbers.clone().skip(first).step_by(CONNECTIONS) {
                api.create(&PostParams::default(), &self.object(number)).await?;
            }
            anyhow::Ok(())
        }));
        let ready = tokio::time::timeout(PATIENCE, self.ready(&version, numbers.len()));
        let (_, at) =
            tokio::try_join!(create, async { ready.await.context("sources are not ready in time")? })?;
        Ok(at - began)
    }

    /// Creates one source of that name for what the server has at `path`, and returns where its artifact is served.
    pub(crate) async fn publish(&self, name: &str, path: &str) -> Result<String> {
        let version = self.version().await?;
        self.sources.create(&PostParams::default(), &self.named(name, path)).await?;
        self.ready(&version, 1).await?;
        let artifact = self.sources.get(name).await?.status.and_then(|status| status.artifact);
        Ok(artifact.context("it is ready")?.url)
    }

    /// Removes everything, and returns once nothing of it is left to be collected.
    pub(crate) async fn clear(&self) -> Result<()> {
        self.sources.delete_collection(&DeleteParams::default(), &ListParams::default()).await?;
        let artifacts: Api<ExternalArtifact> =
            Api::namespaced(self.cluster.client().clone(), &self.namespace);
        let began = Instant::now();
        while !(is_empty(&self.sources).await? && is_empty(&artifacts).await?) {
            if began.elapsed() > PATIENCE {
                bail!("what was deleted is still there");
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }

    fn object(&self, number: usize) -> ExternalSource {
        self.named(&format!("source-{number}"), &format!("documents/{number}"))
    }

    /// A source of that name for what the server has at `path`.
    fn named(&self, name: &str, path: &str) -> ExternalSource {
        let url = self.source.url(path);
        let http = HttpGenerator { url, method: "GET".into(), ..HttpGenerator::default() };
        let spec = ExternalSourceSpec {
            interval: "1m".into(),
            timeout: "30s".into(),
            generator: Generator { http: Some(http), ..Generator::default() },
            ..ExternalSourceSpec::default()
        };
        ExternalSource::new(name, spec)
    }

    async fn version(&self) -> Result<String> {
        let list = self.sources.list(&ListParams::default().limit(1)).await?;
        list.metadata.resource_version.context("a list has a version")
    }

    /// When the last of `count` was ready.
    async fn ready(&self, version: &str, count: usize) -> Result<Instant> {
        let mut ready = HashSet::new();
        let mut events = self.sources.watch(&WatchParams::default(), version).await?.boxed();
        while let Some(event) = events.try_next().await? {
            match event {
                WatchEvent::Added(object) | WatchEvent::Modified(object) if is_ready(&object) => {
                    ready.insert(object.name_any());
                }
                WatchEvent::Error(status) => bail!("the watch failed: {}", status.message),
                _ => {}
            }
            if ready.len() == count {
                return Ok(Instant::now());
            }
        }
        bail!("the watch ended after {} of {count}", ready.len())
    }
}

/// Administrators, each with a connection of its own that is open already: that is not what is measured.
pub(crate) async fn clients(cluster: &Cluster) -> Result<Vec<Client>> {
    let kubeconfig = Kubeconfig::read_from(cluster.directory().kubeconfig())?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    let clients: Result<Vec<_>, _> = (0..CONNECTIONS).map(|_| Client::try_from(config.clone())).collect();
    let clients = clients?;
    try_join_all(clients.iter().map(async |client| client.apiserver_version().await)).await?;
    Ok(clients)
}

/// A namespace that is not there yet.
pub(crate) async fn namespace(cluster: &Cluster, name: &str) -> Result<()> {
    let mut object = Namespace::default();
    object.metadata.name = Some(name.to_owned());
    let namespaces: Api<Namespace> = Api::all(cluster.client().clone());
    namespaces.create(&PostParams::default(), &object).await.context("failed to create a namespace")?;
    Ok(())
}

fn is_ready(object: &ExternalSource) -> bool {
    let conditions = object.status.iter().flat_map(|status| &status.conditions);
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

pub(crate) async fn is_empty<K: Clone + Debug + serde::de::DeserializeOwned>(api: &Api<K>) -> Result<bool> {
    Ok(api.list_metadata(&ListParams::default().limit(1)).await?.items.is_empty())
}
