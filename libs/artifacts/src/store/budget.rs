//! How much a store may hold: memory is bounded by a count of bytes, a directory by its disk.
use super::BlobKey;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};
use thiserror::Error;

/// The bytes that all blobs and uploads of a store may take together.
#[derive(Clone, Debug)]
pub(super) struct Budget(Arc<State>);

#[derive(Debug)]
struct State {
    limit: u64,
    used: AtomicU64,
    kept: Mutex<HashMap<BlobKey, Share>>,
}

/// What one upload or blob takes of a budget; given back when dropped.
#[derive(Debug)]
pub(super) struct Share {
    used: Arc<State>,
    bytes: u64,
}

/// The budget is spent.
#[derive(Debug, Error)]
#[error("all {limit} bytes that this store may hold are taken")]
pub(super) struct Spent {
    limit: u64,
}

impl Budget {
    /// A budget of `limit` bytes; `None` counts nothing.
    pub(super) fn new(limit: Option<u64>) -> Self {
        let limit = limit.unwrap_or(u64::MAX);
        Self(Arc::new(State { limit, used: AtomicU64::new(0), kept: Mutex::default() }))
    }

    /// A share that takes nothing yet.
    pub(super) fn share(&self) -> Share {
        Share { used: Arc::clone(&self.0), bytes: 0 }
    }

    /// Keeps the share for as long as the blob is stored.
    pub(super) fn keep(&self, key: BlobKey, share: Share) {
        if self.0.limit != u64::MAX {
            let replaced = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(key, share);
            drop(replaced);
        }
    }

    /// Gives back what the blob took.
    pub(super) fn release(&self, key: &BlobKey) {
        let released = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
        drop(released);
    }
}

impl Share {
    /// Takes `bytes` more.
    pub(super) fn grow(&mut self, bytes: u64) -> Result<(), Spent> {
        let State { limit, used, .. } = &*self.used;
        let more = |taken: u64| taken.checked_add(bytes).filter(|taken| taken <= limit);
        used.fetch_update(Relaxed, Relaxed, more).map_err(|_| Spent { limit: *limit })?;
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.used.used.fetch_sub(self.bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Digest, store::SourceKey};

    fn key() -> BlobKey {
        BlobKey { source: SourceKey::new("apps", "podinfo").unwrap(), digest: Digest::of(b"") }
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let budget = Budget::new(Some(10));
        let mut first = budget.share();
        first.grow(6).unwrap();
        assert!(budget.share().grow(5).is_err());
        drop(first);
        budget.share().grow(10).unwrap();
    }

    #[test]
    fn a_stored_blob_holds_its_share_until_it_is_removed() {
        let budget = Budget::new(Some(10));
        for _stored_again in 0..3 {
            let mut share = budget.share();
            share.grow(4).unwrap();
            budget.keep(key(), share);
        }
        assert!(budget.share().grow(7).is_err());
        budget.release(&key());
        budget.share().grow(10).unwrap();
    }
}
