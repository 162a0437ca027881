//! The apiserver role: the aggregated API, and the plain listener that Flux fetches from.
use crate::{cluster::Cluster, endpoint::Endpoint, listen::ApiListeners, tasks::Tasks, tls::Certificate};
use apiserver::{Apiserver, ArtifactListener, Config};
use artifacts::Store;
use extension_apiserver::{
    authn::{self, Authenticator},
    authz::{self, Authorizer},
    metrics::Metrics,
    serve::ClientCertificates,
    server::Server,
};
use std::sync::Arc;
use telemetry::{metrics::Registry, ready::Readiness};
use tokio_util::sync::CancellationToken;

/// The role, built.
pub(crate) struct Api {
    apiserver: Arc<Apiserver>,
    authenticator: Authenticator,
    artifacts: Endpoint<ArtifactListener>,
    server: Endpoint<Server>,
}

impl Api {
    /// Begins to learn whom to believe; all else waits for [`Api::start`]. Everything ends at `shutdown`.
    pub(crate) fn new(
        cluster: &Cluster,
        store: Arc<dyn Store>,
        listeners: ApiListeners,
        metrics: Metrics,
        shutdown: CancellationToken,
    ) -> anyhow::Result<Self> {
        let (client, reviews) = (cluster.client.clone(), cluster.reviews.clone());
        let whom = authn::Options { metrics: metrics.clone(), ..authn::Options::default() };
        let what = authz::Options { metrics: metrics.clone(), ..authz::Options::default() };
        let authenticator = Authenticator::start(client.clone(), reviews.clone(), whom, shutdown.clone());
        let authorizer = Authorizer::new(reviews, what);
        let config = Config { client, store, authenticator: authenticator.clone(), authorizer, metrics };
        let apiserver = Apiserver::new(config, shutdown)?;
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
    pub(crate) fn start(self, certificate: Certificate, readiness: &Readiness, tasks: &mut Tasks) {
        let clients = ClientCertificates::Request;
        tasks.spawn("apiserver", self.server.serve_tls(certificate, clients, tasks.drain()));
        tasks.spawn("artifacts", self.artifacts.serve_plain(tasks.drain()));
        let (apiserver, fed) = (Arc::clone(&self.apiserver), self.apiserver);
        let authenticator = self.authenticator;
        readiness.check("front-proxy", move || authenticator.obstacle().is_none());
        readiness.check("sources", move || apiserver.is_ready());
        tasks.spawn("sources", async move {
            fed.feed().await;
            Ok(())
        });
    }
}
