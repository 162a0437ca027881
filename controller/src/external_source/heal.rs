//! Wakes a source whose published blob a reader could not read: its pass finds the same, and fetches it again, or says that
//! the store fails.
use crate::reconcile::Queue;
use artifacts::store::Losses;
use std::future::pending;
use tokio::sync::broadcast::error::RecvError;
use tracing::info;

/// Listens for as long as it is polled. Never returns.
pub(crate) async fn heal(losses: &Losses, queue: Queue) {
    let mut lost = losses.subscribe();
    loop {
        match lost.recv().await {
            Ok(source) => {
                info!(
                    namespace = source.namespace,
                    name = source.name,
                    "a reader could not read the published blob"
                );
                queue.wake(&source.namespace, &source.name).await;
            }
            // Readers come back, and tell again.
            Err(RecvError::Lagged(_)) => {}
            // The store that tells outlives the loop that listens.
            Err(RecvError::Closed) => return pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use artifacts::SourceKey;

    #[tokio::test]
    async fn what_a_reader_missed_wakes_its_source() {
        let losses = Losses::default();
        let (queue, mut wakes) = Queue::new();
        let told = async {
            losses.tell(&SourceKey::new("apps", "podinfo").expect("names"));
            wakes.recv().await
        };
        let woken = tokio::select! {
            biased;
            () = heal(&losses, queue) => None,
            woken = told => woken,
        };
        assert_eq!(woken, Some(("apps".to_owned(), "podinfo".to_owned())));
    }
}
