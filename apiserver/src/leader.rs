//! Whether a controller is at work, by the Leases that those which lead renew, whether it works on a given source, and where it is
//! reached.
mod decide;

use crds::{
    annotations::WATCH_LABEL_SELECTOR,
    lease::{self, Sighting},
    names::is_lease,
};
use decide::{Verdict, verdict};
use extension_apiserver::selectors::LabelSelector;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client, ResourceExt, api::ListParams};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::time::sleep;
use tracing::warn;

/// The pause between two looks of who waits. A lease is silent for three of them before its holder counts as gone.
const PAUSE: Duration = Duration::from_secs(5);

/// Labels of a source.
pub(crate) type Labels = BTreeMap<String, String>;

/// Looks at the Leases. Clones remember together what was seen.
#[derive(Clone)]
pub(crate) struct Leader {
    /// None where controllers do not elect a leader, and one is taken for granted.
    leases: Option<Api<Lease>>,
    seen: Arc<Mutex<BTreeMap<String, Sighting>>>,
}

/// Why nothing would be done for a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// No controller is at work.
    Controller,
    /// Those that are work on sources with other labels.
    Shard,
}

impl Leader {
    /// The leaders that controllers elect in their namespace.
    pub(crate) fn elected(client: Client, namespace: &str) -> Self {
        Self { leases: Some(Api::namespaced(client, namespace)), seen: Arc::default() }
    }

    /// Controllers do not elect a leader, so nobody can tell whether one is at work.
    pub(crate) fn assumed() -> Self {
        Self { leases: None, seen: Arc::default() }
    }

    /// What is missing for a source with these labels, as far as can be told now.
    pub(crate) async fn missing(&self, labels: &Labels) -> Option<Missing> {
        self.holder(labels).await.err()
    }

    /// Where the controller that works on a source with these labels is reached, if it says so.
    ///
    /// # Errors
    /// As far as can be told now, there is none.
    pub(crate) async fn holder(&self, labels: &Labels) -> Result<Option<SocketAddr>, Missing> {
        let Some(leases) = &self.leases else { return Ok(None) };
        let leases = match leases.list(&ListParams::default()).await {
            Ok(found) => found.items.into_iter().filter(|lease| is_lease(&lease.name_any())),
            Err(error) => {
                warn!(error = %telemetry::Chain(&error), "failed to read the leases of controllers");
                return Ok(None);
            }
        };
        let now = Instant::now();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *seen);
        let mut shards = Vec::new();
        for lease in leases {
            let (name, selects) = (lease.name_any(), selects(&lease, labels));
            let sighting = Sighting::updated(before.remove(&name), lease, now);
            shards.push((sighting.clone(), selects));
            seen.insert(name, sighting);
        }
        match verdict(&shards, now) {
            Verdict::AtWork(seen) => Ok(address(&seen.lease)),
            Verdict::Gone => Err(Missing::Controller),
            Verdict::OfOthers => Err(Missing::Shard),
        }
    }

    /// Returns once nobody works on a source with these labels.
    pub(crate) async fn lost(&self, labels: &Labels) -> Missing {
        loop {
            if let Some(missing) = self.missing(labels).await {
                return missing;
            }
            sleep(PAUSE).await;
        }
    }
}

/// Whether who holds it works on a source with these labels. What cannot be read may be anything.
fn selects(lease: &Lease, labels: &Labels) -> bool {
    let selector = lease.annotations().get(WATCH_LABEL_SELECTOR);
    let selector = selector.and_then(|text| LabelSelector::parse(text).ok()).unwrap_or_default();
    selector.matches(Some(labels))
}

/// Where its holder is reached. What is no address leads nowhere; it may be of any length, and is not repeated.
fn address(lease: &Lease) -> Option<SocketAddr> {
    lease::address(lease).unwrap_or_else(|error| {
        warn!(lease = lease.name_any(), %error, "ignored the address of a lease");
        None
    })
}
