//! The apiserver role: the aggregated API, and the plain listener that Flux fetches from.
use crate::{
    cluster::Cluster, endpoint::Endpoint, listen::ApiListeners, previewer::Controllers, tasks::Tasks,
    tls::Certificate,
};
use apiserver::{Apiserver, ArtifactListener, Config};
use artifacts::Store;
use extension_apiserver::{
    audit::JsonLines,
    authn::{self, Authenticator},
    authz::{self, Authorizer},
    metrics::Metrics,
    serve::ClientCertificates,
    server::{Lifecycle, Server},
};
use std::sync::Arc;
use telemetry::{metrics::Registry, ready::Readiness};

/// How the role is run, whatever it serves.
pub(crate) struct Operation {
    /// Takes a record of each request.
    pub(crate) audit: Option<JsonLines>,
    pub(crate) metrics: Metrics,
    /// Everything ends with it.
    pub(crate) lifecycle: Lifecycle,
    /// Where controllers elect a leader, if they do.
    pub(crate) elected_in: Option<String>,
}

/// The role, built.
pub(crate) struct Api {
    apiserver: Arc<Apiserver>,
    authenticator: Authenticator,
    artifacts: Endpoint<ArtifactListener>,
    server: Endpoint<Server>,
}

impl Api {
    /// Begins to learn whom to believe; all else waits for [`Api::start`].
    pub(crate) fn new(
        cluster: &Cluster,
        (store, asked): (Arc<dyn Store>, Controllers),
        listeners: ApiListeners,
        operation: Operation,
    ) -> anyhow::Result<Self> {
        let Operation { audit, metrics, lifecycle, elected_in } = operation;
        let (client, reviews) = (cluster.client.clone(), cluster.reviews.clone());
        let whom = authn::Options { metrics: metrics.clone(), ..authn::Options::default() };
        let what = authz::Options { metrics: metrics.clone(), ..authz::Options::default() };
        let authenticator =
            Authenticator::start(client.clone(), reviews.clone(), whom, lifecycle.draining().clone());
        let authorizer = Authorizer::new(reviews, what);
        let authenticated = authenticator.clone();
        let config = Config {
            client,
            elected_in,
            store,
            previewer: asked.previewer,
            keeper: asked.keeper,
            authenticator: authenticated,
            authorizer,
            audit,
            metrics,
            lifecycle,
        };
        let apiserver = Apiserver::new(config)?;
        Ok(Self {
            authenticator,
            server: Endpoint { listener: listeners.apiserver, handler: apiserver.server.clone() },
            artifacts: Endpoint { listener: listeners.artifacts, handler: apiserver.artifact_listener() },
            apiserver: Arc::new(apiserver),
        })
    }

    /// Counts in `registry`.
    pub(crate) fn register(&self, registry: &mut Registry) {
        self.artifacts.handler.register(registry);
    }

    /// Runs it. It is ready when the sources are known, and kube-apiserver is believed when it names a user.
    ///
    /// # Errors
    /// The system gives no threads.
    pub(crate) fn start(
        self,
        certificate: Certificate,
        readiness: &Readiness,
        tasks: &mut Tasks,
    ) -> anyhow::Result<()> {
        let clients = ClientCertificates::Request;
        tasks.spawn("apiserver", self.server.serve_tls(certificate, clients, tasks.drain()));
        tasks.spawn_apart("artifacts", self.artifacts.serve_plain(tasks.drain()))?;
        let (apiserver, fed) = (Arc::clone(&self.apiserver), self.apiserver);
        let authenticator = self.authenticator;
        readiness.check("front-proxy", move || authenticator.obstacle().is_none());
        readiness.check("sources", move || apiserver.is_ready());
        tasks.spawn("sources", async move {
            fed.feed().await;
            Ok(())
        });
        Ok(())
    }
}
