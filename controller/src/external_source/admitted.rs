//! Wakes the sources that it may concern when the operator changes what is allowed: what was refused may run, or the reverse.
use crate::reconcile::Queue;
use crds::{Decoded, ExternalSource};
use installation::{Live, Policies};
use kube::{ResourceExt, runtime::reflector::Store};
use std::future::pending;
use tracing::info;

/// Listens for as long as it is polled. Never returns.
pub(crate) async fn follow_policies(
    policies: &Policies,
    queue: Queue,
    sources: &Store<Decoded<ExternalSource>>,
) {
    let woken = |concerned: fn(&ExternalSource) -> bool| Woken { queue: queue.clone(), sources, concerned };
    let (with_hooks, all) = (woken(|source| source.spec.hooks.is_some()), woken(|_| true));
    tokio::join!(with_hooks.follow(policies.commands.as_ref()), all.follow(policies.hosts.as_ref()));
}

/// Those whom a file concerns.
struct Woken<'a> {
    queue: Queue,
    sources: &'a Store<Decoded<ExternalSource>>,
    concerned: fn(&ExternalSource) -> bool,
}

impl Woken<'_> {
    async fn follow<T>(&self, file: Option<&Live<T>>) {
        let Some(file) = file else { return pending().await };
        let mut changes = file.changes();
        while changes.changed().await.is_ok() {
            info!("the operator allows something else, sources are looked at");
            for source in self.sources.state() {
                if let Ok(source) = &source.0
                    && (self.concerned)(source)
                {
                    self.queue.wake(&source.namespace().unwrap_or_default(), &source.name_any()).await;
                }
            }
        }
        // Whoever changes it outlives the loop that listens.
        pending::<()>().await;
    }
}
