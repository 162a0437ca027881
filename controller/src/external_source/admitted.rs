//! Wakes the sources that have hooks when the operator changes the whitelist: what was refused may run, or the reverse.
use crate::reconcile::Queue;
use crds::{Decoded, ExternalSource};
use hooks::whitelist::Live;
use kube::{ResourceExt, runtime::reflector::Store};
use std::future::pending;
use tracing::info;

/// Listens for as long as it is polled. Never returns.
pub(crate) async fn follow_whitelist(
    whitelist: Option<&Live>,
    queue: Queue,
    sources: &Store<Decoded<ExternalSource>>,
) {
    let Some(whitelist) = whitelist else { return pending().await };
    let mut changes = whitelist.changes();
    while changes.changed().await.is_ok() {
        info!("the whitelist changed, sources with hooks are looked at");
        for source in sources.state() {
            if let Ok(source) = &source.0
                && source.spec.hooks.is_some()
            {
                queue.wake(&source.namespace().unwrap_or_default(), &source.name_any()).await;
            }
        }
    }
    // Whoever changes it outlives the loop that listens.
    pending::<()>().await;
}
