//! Makes the cluster match the objects: one generic loop, a folder a kind, and whatever only the leader may do.
//!
//! [`run`] stands by until this process leads, then runs one [`reconcile`] loop for each kind and publishes the CA
//! bundles. [`Previews`] tells what would become of an object, leader or not; [`Logs`] what the passes of the leader
//! did. Imports `artifacts`, `certs`, `crds`, `hooks`,
//! `previews`, and the HTTP serving of `extension-apiserver`. Start reading at `reconcile.rs`, then `external_source.rs`.
mod announce;
mod ca_bundles;
mod config;
mod external_source;
mod lease;
mod logs;
mod metrics;
mod moment;
mod questions;
mod reconcile;
mod shard;

pub use config::Config;
pub use logs::Logs;
pub use metrics::Metrics;
pub use questions::{Listener, Previews, Refused, Trust};
pub use reconcile::Toolkit;
pub use shard::Shard;

use artifacts::SourceKey;
use external_source::{
    Damages, Existing, ExternalSources, FluxArtifacts, SecretWatches, Tokens, Verification,
};
use futures::future::OptionFuture;
use jiff::Timestamp;
use kube::{
    Api, Client,
    runtime::reflector::{self, ObjectRef},
};
use lease::{Election, Term, fenced};
use reconcile::{Alerts, Courier, Guarded, Loop, Queue};
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;
use tracing::info;

/// Who writes, as Kubernetes remembers it.
pub(crate) const FIELD_MANAGER: &str = "postern-controller";

/// How long passes may go on after a shutdown was asked for. What is dropped then is done again by the next leader.
const GRACE: Duration = Duration::from_secs(5);

/// Runs the controller until `shutdown`, as the leader or standing by.
pub async fn run(config: Config, shutdown: CancellationToken) {
    let config = Arc::new(config);
    if !config.leader_elect {
        return lead(&config, Term::unbounded(), shutdown).await;
    }
    let election = Election::new(
        config.client.clone(),
        (&config.namespace, config.shard.clone()),
        (config.identity.clone(), config.address),
    );
    let term = election.term();
    election.run(shutdown.clone(), || lead(&config, term.clone(), shutdown.clone())).await;
}

/// All that the leader does. Dropped, it stops where it is; every task it started goes with it.
async fn lead(config: &Config, term: Term, shutdown: CancellationToken) {
    let _leading = config.metrics.passes.lead();
    let client = fenced(config.client.clone(), term);
    let bundles = OptionFuture::from(
        config.serving.clone().map(|serving| ca_bundles::publish(client.clone(), serving)),
    );
    let work = async {
        tokio::select! {
            // On the heap: a thread's stack is small for all that the leader does in one future.
            () = Box::pin(external_sources(config, client.clone(), shutdown.clone())) => {}
            () = announce::problems(client.clone(), config) => {}
            Some(()) = bundles => {}
        }
    };
    tokio::select! {
        () = work => {}
        () = async { shutdown.cancelled().await; tokio::time::sleep(GRACE).await } => info!("passes were cut short"),
    }
}

async fn external_sources(config: &Config, client: Client, shutdown: CancellationToken) {
    let (objects, writer) = reflector::store();
    let (queue, wakes) = Queue::new();
    let (flux, follower) = FluxArtifacts::new();
    let (alerts, courier) = alerts(config).unzip();
    let metrics = &config.metrics.external_sources;
    let store = config.pipeline.store().as_ref();
    let damages = Damages::default();
    let others = config.shard.selector().map(|_| Api::all(client.clone()));
    let (rate, verified) = (config.verify_rate, queue.clone());
    let verification = Verification { store, rate, damages: damages.clone(), metrics, queue: verified };
    let _at_work = config.logs.work(works_on(objects.clone()));
    let kind = ExternalSources {
        client: client.clone(),
        pipeline: config.pipeline.clone(),
        artifacts_url: config.artifacts_url.clone(),
        policies: config.policies.clone(),
        secrets: SecretWatches::new(client.clone(), queue.clone()),
        tokens: Tokens::new(client.clone()),
        logs: config.logs.clone(),
        flux: flux.clone(),
        damages,
        since: Timestamp::now(),
        metrics: metrics.clone(),
    };
    let passes = Loop {
        kind,
        client: client.clone(),
        objects: objects.clone(),
        writer,
        wakes,
        selector: config.shard.selector().map(str::to_owned),
        identity: config.identity.clone(),
        alerts,
        metrics: config.metrics.passes.clone(),
        concurrency: config.concurrency,
    };
    tokio::select! {
        () = passes.run(shutdown) => {}
        Some(()) = OptionFuture::from(courier.map(Courier::run)) => {}
        () = external_source::follow_policies(&config.policies, queue.clone(), &objects) => {}
        () = external_source::heal(store.losses(), queue.clone()) => {}
        () = verification.run(&objects) => {}
        () = external_source::follow(client.clone(), flux, follower, (queue, objects.clone())) => {}
        () = external_source::sweep(store, Existing { watched: &objects, others }, metrics) => {}
    }
}

/// Whether a source is one of those.
fn works_on(
    objects: reflector::Store<Guarded<ExternalSources>>,
) -> impl Fn(&SourceKey) -> bool + Send + Sync + 'static {
    move |source| objects.get(&ObjectRef::new(&source.name).within(&source.namespace)).is_some()
}

fn alerts(config: &Config) -> Option<(Alerts, Courier)> {
    let address = config.events_url.clone()?;
    Some(Alerts::new(address, config.identity.clone(), config.metrics.alerts.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use artifacts::{
        egress::EgressPolicy,
        pipeline::{Limits, Pipeline},
    };
    use installation::Policies;
    use kube::client::Body;
    use std::{convert::Infallible, future::pending};

    /// A controller of a cluster that answers nothing.
    fn unanswered() -> Config {
        let silence =
            tower::service_fn(|_: http::Request<Body>| pending::<Result<http::Response<Body>, Infallible>>());
        let store = artifacts::store::open(&"memory://".parse().unwrap()).unwrap();
        let limits = Limits { max_artifact_size: 1024, max_unpacked_size: 1024 };
        Config {
            client: Client::new(silence, "default"),
            namespace: "postern-system".into(),
            identity: "test".into(),
            pipeline: Arc::new(Pipeline::new(EgressPolicy::default(), store, limits).unwrap()),
            verify_rate: 0,
            artifacts_url: "http://postern".parse().unwrap(),
            events_url: None,
            policies: Policies::default(),
            shard: Shard::default(),
            concurrency: 1,
            leader_elect: false,
            address: None,
            serving: None,
            logs: Logs::default(),
            metrics: Metrics::register(
                &mut prometheus_client::registry::Registry::default(),
                Toolkit::default(),
            ),
        }
    }

    #[tokio::test]
    async fn a_shutdown_before_anything_is_known_waits_for_nothing() {
        let shutdown = CancellationToken::new();
        let running = run(unanswered(), shutdown.clone());
        let asking = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            shutdown.cancel();
        };
        let ended = tokio::time::timeout(GRACE / 2, async { tokio::join!(running, asking) });
        ended.await.expect("no pass had begun");
    }
}
