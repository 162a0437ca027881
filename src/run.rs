//! Builds the parts of a role, then runs them until shutdown.
use crate::{
    admin::AdminPort,
    api::{Api, Operation},
    audit, cluster,
    endpoint::Endpoint,
    flags::Flags,
    listen::Listeners,
    policies::Followed,
    previewer, ready,
    reconciler::{Asked, Reconciler},
    role::Role,
    shutdown::Shutdown,
    store::{self, Stock},
    tasks::Tasks,
    tls::Certificate,
};
use anyhow::bail;
use artifacts::{Store, store::without_credentials};
use controller::Toolkit;
use extension_apiserver::{metrics::Metrics, serve::ClientCertificates, server::Lifecycle};
use previews::Local;
use std::sync::Arc;
use telemetry::{admin::Admin, metrics, ready::Readiness};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use url::Url;
use webhook::Webhook;

/// Runs a role until it is told to stop.
pub(crate) async fn run(role: Role, flags: Flags) -> anyhow::Result<()> {
    let shutdown = Shutdown::on_signals(flags.shutdown.delay)?;
    let lifecycle = shutdown.lifecycle;
    let work = async { Parts::build(role, &flags, lifecycle.clone()).await?.run(lifecycle).await };
    tokio::select! {
        ended = work => ended,
        () = shutdown.abort.cancelled() => bail!("told to stop twice, running work was dropped"),
    }
}

/// Says what an operator asks first when something is not as expected.
fn announce(role: Role, flags: &Flags, store: Option<&Url>) {
    let given = &flags.artifacts;
    info!(
        version = env!("CARGO_PKG_VERSION"),
        role = role.name(),
        namespace = flags.cluster.installation.namespace,
        store = store.map(without_credentials),
        artifacts_url = given.artifacts_url.as_ref().map(without_credentials),
        allow_egress = ?given.allow_egress,
        deny_egress = ?given.deny_egress,
        "starting"
    );
    if store.is_some_and(|url| url.scheme() == "memory") {
        warn!("artifacts are kept in memory and go with this process, give a --store=file:///… to keep them");
    }
}

/// What a role is made of, built and not yet running.
struct Parts {
    readiness: Readiness,
    admin: Endpoint<AdminPort>,
    certificate: Certificate,
    store: Option<(Arc<dyn Store>, Stock)>,
    followed: Followed,
    api: Option<Api>,
    webhook: Option<Endpoint<Webhook>>,
    reconciler: Option<Reconciler>,
}

impl Parts {
    /// What is wrong with flags or machine shows here, before anything runs.
    async fn build(role: Role, flags: &Flags, lifecycle: Lifecycle) -> anyhow::Result<Self> {
        let drain = lifecycle.draining().clone();
        let url = role.store(flags.artifacts.store.as_ref())?;
        announce(role, flags, url.as_ref());
        let mut registry = metrics::registry(env!("CARGO_PKG_VERSION"));
        let requests = Metrics::register(&mut registry);
        let toolkit = Toolkit::register(&mut registry);
        let counted = metrics::postern(&mut registry);
        // Who does not serve needs no copies.
        let cache = if role.serves_api() { flags.artifacts.artifact_cache_size.0 } else { 0 };
        let (store, stock) = url.map(|url| store::open(&url, cache, counted)).transpose()?.unzip();
        let cluster = cluster::connect(flags.cluster.installation.kubeconfig.as_deref()).await?;
        let listeners = Listeners::bind(role, flags).await?;
        let followed = Followed::start(role, flags, counted).await?;
        let policies = followed.policies.clone();
        let certificate = Certificate::new(flags, cluster.client.clone(), counted, drain);
        let namespace = &flags.cluster.installation.namespace;
        let local = Local::default();
        let asked = previewer::controllers(role, flags, (&cluster, &certificate), &local)?;
        let webhook = listeners.webhook.map(|listener| {
            let plain = Webhook::new(counted, policies.clone());
            let told = flags.previews.preview_on_dry_run;
            let handler = if told { plain.previewing(asked.previewer.clone()) } else { plain };
            Endpoint { listener, handler }
        });
        let reconciler = match store.clone().filter(|_| role.reconciles()) {
            Some(store) => {
                let metrics = controller::Metrics::register(counted, toolkit);
                let asked = Asked::new(local, listeners.controller, &cluster, flags)?;
                Reconciler::new(flags, &cluster, (store, policies), (asked, metrics))?
            }
            None => None,
        };
        let api = match listeners.api.zip(store.clone()) {
            Some((listeners, store)) => {
                let elected_in = flags.controller.leader_elect.then(|| namespace.clone());
                let audit = audit::open(flags)?;
                let operation = Operation { audit, metrics: requests, lifecycle, elected_in };
                Some(Api::new(&cluster, (store, asked), listeners, operation)?)
            }
            None => None,
        };
        if let Some(api) = &api {
            api.register(counted);
        }
        let readiness = Readiness::default();
        let handler = AdminPort(Admin::new(readiness.clone(), registry));
        let admin = Endpoint { listener: listeners.admin, handler };
        Ok(Self {
            readiness,
            admin,
            certificate,
            store: store.zip(stock),
            followed,
            api,
            webhook,
            reconciler,
        })
    }

    /// Everything starts at once and waits for what it needs. The admin port answers first and last, since it tells
    /// how starting and draining are going.
    async fn run(self, lifecycle: Lifecycle) -> anyhow::Result<()> {
        let drain = lifecycle.draining().clone();
        let (certificate, readiness) = (self.certificate, self.readiness);
        let mut tasks = Tasks::new(drain.clone());
        tasks.spawn("shutdown", ready::until_stopping(readiness.gate("shutdown"), lifecycle));
        let certified = readiness.gate("certificate");
        tasks.spawn("certificate", certificate.clone().watch(certified, drain.clone()));
        if let Some((store, stock)) = self.store {
            tasks.spawn("stock", stock.measure(Arc::clone(&store), drain.clone()));
            tasks.spawn("store", ready::once_usable(readiness.gate("store"), store, drain.clone()));
        }
        tasks.spawn("policies", self.followed.follow(drain.clone()));
        if let Some(api) = self.api {
            api.start(certificate.clone(), &readiness, &mut tasks)?;
        }
        if let Some(webhook) = self.webhook {
            let clients = ClientCertificates::Ignore;
            tasks.spawn("webhook", webhook.serve_tls(certificate.clone(), clients, drain.clone()));
        }
        if let Some(reconciler) = self.reconciler {
            tasks.spawn("controller", reconciler.run(certificate, drain));
        }
        let stopped = CancellationToken::new();
        let admin = tokio::spawn(self.admin.serve_plain(stopped.clone()));
        let ended = tasks.join().await;
        stopped.cancel();
        admin.await??;
        ended
    }
}
