//! Many sources in one namespace: applied at once, awaited, removed.
use crate::{source::Source, watching::Watching};
use anyhow::{Context, Result, bail};
use cluster::Cluster;
use crds::{
    ExternalArtifact, ExternalSource, ExternalSourceSpec,
    external_source::{Generator, HttpGenerator},
};
use futures::future::try_join_all;
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, Config, ResourceExt,
    api::{DeleteParams, ListParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
    runtime::watcher,
};
use std::{
    collections::HashSet,
    fmt::Debug,
    ops::Range,
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
    pub(crate) async fn apply(&self, numbers: Range<usize>) -> Result<Duration> {
        let connections = clients(self.cluster).await?;
        let mut watching = self.watch().await?;
        let began = Instant::now();
        let create = spread(connections, numbers.clone(), async |client, number| {
            let api: Api<ExternalSource> = Api::namespaced(client.clone(), &self.namespace);
            api.create(&PostParams::default(), &self.object(number)).await?;
            Ok(())
        });
        // Another one that was ready before is told of again where the watch must list again.
        let names: HashSet<_> = numbers.clone().map(name).collect();
        let is_ours = |source: &ExternalSource| is_ready(source) && names.contains(&source.name_any());
        let (_, at) = tokio::try_join!(create, watching.last(numbers.len(), is_ours))?;
        Ok(at - began)
    }

    /// Creates one source of that name for what the server has at `path`, and returns where its artifact is served.
    pub(crate) async fn publish(&self, name: &str, path: &str) -> Result<String> {
        let mut watching = self.watch().await?;
        self.sources.create(&PostParams::default(), &self.named(name, path)).await?;
        watching.last(1, is_ready).await?;
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
        self.named(&name(number), &format!("documents/{number}"))
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

    /// Sees what happens from now on.
    async fn watch(&self) -> Result<Watching<ExternalSource>> {
        Ok(Watching::begin(self.sources.clone(), watcher::Config::default()).await?.0)
    }
}

fn name(number: usize) -> String {
    format!("source-{number}")
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

/// Does something once for every number, over all these connections at once.
pub(crate) async fn spread<T>(
    connections: Vec<Client>,
    numbers: Range<usize>,
    act: impl AsyncFn(&Client, usize) -> Result<T>,
) -> Result<Vec<T>> {
    let (act, step) = (&act, connections.len());
    let done = try_join_all(connections.into_iter().enumerate().map(|(first, client)| {
        let numbers = numbers.clone().skip(first).step_by(step);
        async move {
            let mut done = Vec::new();
            for number in numbers {
                done.push(act(&client, number).await?);
            }
            anyhow::Ok(done)
        }
    }));
    Ok(done.await?.into_iter().flatten().collect())
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
