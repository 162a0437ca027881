//! Turns at one blob: who publishes it and who collects it in this process wait for each other.
use super::BlobKey;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::OwnedMutexGuard;

/// The blobs that somebody is at.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<HashMap<BlobKey, Arc<tokio::sync::Mutex<()>>>>);

impl Turns {
    /// Waits until nobody else is at the blob, and keeps others from it.
    pub(super) async fn take(&self, key: &BlobKey) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(turns.entry(key.clone()).or_default())
        };
        turn.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Digest, store::SourceKey};
    use futures::FutureExt;

    fn key(bytes: &[u8]) -> BlobKey {
        BlobKey { source: SourceKey::new("apps", "podinfo").unwrap(), digest: Digest::of(bytes) }
    }

    #[tokio::test]
    async fn one_waits_for_another_at_the_same_blob_alone() {
        let turns = Turns::default();
        let one = key(b"1");
        let first = turns.take(&one).await;
        let _other = turns.take(&key(b"2")).now_or_never().expect("nobody is there");
        let mut second = Box::pin(turns.take(&one));
        assert!((&mut second).now_or_never().is_none());
        drop(first);
        drop(second.await);
        drop(turns.take(&key(b"3")).await);
        assert_eq!(turns.0.lock().unwrap().len(), 2, "that nobody is at takes no memory");
    }
}
