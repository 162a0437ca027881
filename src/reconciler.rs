//! The controller role: what it is given, and when it starts.
use crate::{
    cluster::Cluster,
    endpoint::Endpoint,
    flags::{ArtifactFlags, Flags, Kind},
    tls::Certificate,
};
use anyhow::Context as _;
use artifacts::{
    Store,
    egress::EgressPolicy,
    pipeline::{Limits, Pipeline},
};
use controller::{Config, Listener, Logs, Metrics, Previews, Shard, Trust};
use extension_apiserver::serve::ClientCertificates;
use installation::Policies;
use kube::Client;
use previews::Local;
use std::{fs, net::SocketAddr, sync::Arc};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use url::Url;
use uuid::Uuid;

/// The role, built.
pub(crate) struct Reconciler {
    client: Client,
    namespace: String,
    store: Arc<dyn Store>,
    executor: Option<hooks::Client>,
    policies: Policies,
    policy: EgressPolicy,
    limits: Limits,
    artifacts_url: Url,
    events_url: Option<Url>,
    shard: Shard,
    concurrency: u16,
    leader_elect: bool,
    verify_rate: u64,
    metrics: Metrics,
    asked: Asked,
}

/// How others ask for previews and logs.
pub(crate) struct Asked {
    /// Where parts of this process look for its controller.
    pub(crate) local: Local,
    /// Where other processes do, if they do.
    pub(crate) remote: Option<Endpoint<Trust>>,
    /// Where they find this one among its replicas, if it is told.
    pub(crate) address: Option<SocketAddr>,
}

impl Asked {
    /// On this socket, if there is one, those who kube-apiserver says may ask.
    pub(crate) fn new(
        local: Local,
        socket: Option<TcpListener>,
        cluster: &Cluster,
        flags: &Flags,
    ) -> anyhow::Result<Self> {
        let Some(listener) = socket else { return Ok(Self { local, remote: None, address: None }) };
        let port = listener.local_addr().context("failed to look at the socket of the controller")?.port();
        let address = flags.controller.advertise_address.map(|ip| SocketAddr::new(ip, port));
        let handler = Trust::new(cluster.reviews.clone(), &flags.cluster.installation.namespace);
        Ok(Self { local, remote: Some(Endpoint { listener, handler }), address })
    }

    /// From now on, these are the answers, until `shutdown`.
    async fn answer(
        self,
        (previews, logs): (Arc<Previews>, Logs),
        certificate: Certificate,
        shutdown: CancellationToken,
    ) -> anyhow::Result<()> {
        previews.tidy().await;
        self.local.seat(previews.clone(), Arc::new(logs.clone()));
        let Some(Endpoint { listener, handler: trust }) = self.remote else { return Ok(()) };
        let refused = previews.refused();
        let handler = Listener { trust, refused, previewer: previews, keeper: Arc::new(logs) };
        Endpoint { listener, handler }.serve_tls(certificate, ClientCertificates::Ignore, shutdown).await
    }
}

impl Reconciler {
    /// `None` when there is no kind to work on.
    pub(crate) fn new(
        flags: &Flags,
        cluster: &Cluster,
        (store, policies): (Arc<dyn Store>, Policies),
        (asked, metrics): (Asked, Metrics),
    ) -> anyhow::Result<Option<Self>> {
        if !flags.cluster.kinds.contains(&Kind::ExternalSource) {
            return Ok(None);
        }
        let given = &flags.artifacts;
        Ok(Some(Self {
            client: cluster.client.clone(),
            namespace: flags.cluster.installation.namespace.clone(),
            store,
            executor: flags.hooks.client(),
            policies,
            policy: EgressPolicy::new(given.allow_egress.clone(), given.deny_egress.clone()),
            limits: Limits {
                max_artifact_size: given.max_artifact_size.0,
                max_unpacked_size: given.max_unpacked_size.0,
            },
            artifacts_url: artifacts_url(flags)?,
            events_url: flags.controller.events_addr.clone(),
            shard: flags.controller.watch_label_selector.clone().unwrap_or_default(),
            concurrency: flags.controller.concurrency.get(),
            leader_elect: flags.controller.leader_elect,
            verify_rate: verify_rate(&flags.artifacts),
            metrics,
            asked,
        }))
    }

    /// Runs once there is a certificate, whose CA it publishes if nobody else does.
    pub(crate) async fn run(
        self,
        certificate: Certificate,
        shutdown: CancellationToken,
    ) -> anyhow::Result<()> {
        let (policy, store, limits) = (self.policy, self.store, self.limits);
        let pipeline = Pipeline::new(policy, store, limits);
        let pipeline = pipeline.context("failed to set up the client of sources")?;
        let pipeline = pipeline.counting_evaluations(self.metrics.evaluations.clone());
        let pipeline = match self.executor {
            Some(executor) => pipeline.with_hooks(executor),
            None => pipeline,
        };
        let is_self_managed = certificate.is_self_managed();
        let Some(serving) = certificate.clone().obtain().await? else { return Ok(()) };
        let logs = Logs::default();
        let config = Config {
            client: self.client,
            namespace: self.namespace,
            identity: identity(),
            pipeline: Arc::new(pipeline),
            artifacts_url: self.artifacts_url,
            events_url: self.events_url,
            policies: self.policies,
            shard: self.shard,
            concurrency: self.concurrency,
            leader_elect: self.leader_elect,
            address: self.asked.address,
            verify_rate: self.verify_rate,
            serving: is_self_managed.then_some(serving),
            logs: logs.clone(),
            metrics: self.metrics,
        };
        let answering =
            self.asked.answer((Arc::new(Previews::new(&config)), logs), certificate, shutdown.clone());
        let running = async {
            controller::run(config, shutdown).await;
            Ok(())
        };
        tokio::try_join!(answering, running).map(drop)
    }
}

/// Bytes a second. What memory holds was verified when it came, and what S3 sends is paid for.
fn verify_rate(given: &ArtifactFlags) -> u64 {
    const OF_FILES: u64 = 16 << 20;
    let is_of_files = given.store.as_ref().is_some_and(|store| store.scheme() == "file");
    given.verify_rate.map_or(if is_of_files { OF_FILES } else { 0 }, |rate| rate.0)
}

/// Without a cluster domain, which cannot be known: every pod's resolver completes it.
fn artifacts_url(flags: &Flags) -> anyhow::Result<Url> {
    if let Some(url) = &flags.artifacts.artifacts_url {
        return Ok(url.clone());
    }
    let text = format!("http://postern.{}.svc:8080", flags.cluster.installation.namespace);
    Url::parse(&text)
        .with_context(|| format!("{} is no name of a namespace", flags.cluster.installation.namespace))
}

/// A name that no other replica has, and that tells a person which pod it is.
fn identity() -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}_{}", host.trim(), Uuid::new_v4())
}
