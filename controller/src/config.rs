//! What the controller must be given.
use crate::{logs::Logs, metrics::Metrics, shard::Shard};
use artifacts::pipeline::Pipeline;
use certs::ServingCertificate;
use installation::Policies;
use kube::Client;
use std::{net::SocketAddr, sync::Arc};
use tokio::sync::watch;
use url::Url;

/// What the controller must be given.
pub struct Config {
    /// Talks to Kubernetes. Best built without retries of its own and with a connect timeout: the loop knows better when
    /// to try again, and a retry that outlives its reason does harm.
    pub client: Client,
    /// The namespace of the Lease.
    pub namespace: String,
    /// Names this process among its replicas; two must never share it.
    pub identity: String,
    /// Fetches, packs and stores.
    pub pipeline: Arc<Pipeline>,
    /// Where Flux finds the artifact listener, as in `http://postern.postern-system.svc.cluster.local.:8080`.
    pub artifacts_url: Url,
    /// Where Flux's notification-controller takes events; `None`: none are sent.
    pub events_url: Option<Url>,
    /// How many stored bytes a second are verified after a start; 0: none are.
    pub verify_rate: u64,
    /// What the operator allows.
    pub policies: Policies,
    /// Which sources this controller works on.
    pub shard: Shard,
    /// How many sources may be worked on at once.
    pub concurrency: u16,
    /// Whether other replicas may run; without it this process leads from the start.
    pub leader_elect: bool,
    /// Where other processes ask this one, which the Lease tells while it leads; `None`: nothing is told.
    pub address: Option<SocketAddr>,
    /// The serving certificate whose CA the leader publishes; `None`: somebody else does.
    pub serving: Option<watch::Receiver<Arc<ServingCertificate>>>,
    /// What passes tell of themselves, for whoever asks.
    pub logs: Logs,
    /// What is counted; see [`Metrics::register`].
    pub metrics: Metrics,
}
