//! Serving certificates: issued or loaded, renewed, and handed on whenever they change.
//!
//! Two sources: files that somebody else keeps (cert-manager, a person), or a CA of our own in a Secret that all
//! replicas agree on. Publishing the CA bundle to kube-apiserver is the controller's job, not this crate's.
//! Of our crates it imports `telemetry` alone. Start with `plan.rs`, which decides what is renewed when.
mod certificate;
mod error;
mod files;
mod issue;
mod pair;
mod plan;
mod secrets;
mod self_managed;

pub use certificate::ServingCertificate;
pub use error::Error;
pub use pair::Unusable;
pub use plan::Lifetimes;
pub use secrets::{AUTHORITY_SECRET, SERVING_SECRET};

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Where the serving certificate comes from.
#[derive(Clone)]
pub enum Source {
    /// Files in PEM that somebody else renews; read again whenever they change.
    Files {
        /// The chain, leaf first.
        cert: PathBuf,
        /// The key of the leaf.
        key: PathBuf,
        /// What clients should trust, if it is known.
        ca: Option<PathBuf>,
    },
    /// A CA and a leaf of our own, in two Secrets.
    SelfManaged {
        /// Reads, writes and watches the Secrets.
        client: kube::Client,
        /// Where the Secrets are.
        namespace: String,
        /// DNS names and IP addresses that the leaf must be valid for.
        names: BTreeSet<String>,
        /// How long certificates live.
        lifetimes: Lifetimes,
    },
}

/// Obtains the serving certificate; the first one is there when this returns. A task keeps it true until `shutdown`.
///
/// # Errors
/// The files hold no usable pair, or `shutdown` came first. An API server that does not answer is waited for.
pub async fn start(
    source: Source,
    shutdown: CancellationToken,
) -> Result<watch::Receiver<Arc<ServingCertificate>>, Error> {
    match source {
        Source::Files { cert, key, ca } => files::start(files::Paths { cert, key, ca }, shutdown).await,
        Source::SelfManaged { client, namespace, names, lifetimes } => {
            let keeper = self_managed::Keeper::new(client, namespace, names, lifetimes);
            self_managed::start(keeper, shutdown).await
        }
    }
}
