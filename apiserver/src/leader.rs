//! Whether a controller is at work, by the Lease that the one that leads renews.
mod decide;

use decide::{Sighting, is_gone};
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::time::sleep;
use tracing::warn;

/// The pause between two looks of who waits. A lease is silent for three of them before its holder counts as gone.
const PAUSE: Duration = Duration::from_secs(5);

/// Looks at the Lease. Clones remember together what was seen.
#[derive(Clone)]
pub(crate) struct Leader {
    /// None where controllers do not elect a leader, and one is taken for granted.
    lease: Option<Api<Lease>>,
    seen: Arc<Mutex<Option<Sighting>>>,
}

impl Leader {
    /// The leader that controllers elect in their namespace.
    pub(crate) fn elected(client: Client, namespace: &str) -> Self {
        Self { lease: Some(Api::namespaced(client, namespace)), seen: Arc::default() }
    }

    /// Controllers do not elect a leader, so nobody can tell whether one is at work.
    pub(crate) fn assumed() -> Self {
        Self { lease: None, seen: Arc::default() }
    }

    /// Whether no controller is at work, as far as can be told now.
    pub(crate) async fn is_missing(&self) -> bool {
        let Some(leases) = &self.lease else { return false };
        let found = match leases.get_opt(crds::names::LEASE).await {
            Ok(found) => found,
            Err(error) => {
                warn!(error = %telemetry::Chain(&error), "failed to read the lease of the controller");
                return false;
            }
        };
        let now = Instant::now();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        *seen = found.and_then(|lease| lease.spec).map(|spec| Sighting::next(seen.take(), spec, now));
        is_gone(seen.as_ref(), now)
    }

    /// Returns once no controller is at work.
    pub(crate) async fn lost(&self) {
        while !self.is_missing().await {
            sleep(PAUSE).await;
        }
    }
}
