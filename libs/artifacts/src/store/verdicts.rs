//! Which blobs are whole. A file is hashed once; as long as its fingerprint stays, so does the verdict.
use super::{
    BlobKey, StoreError,
    content::{Content, Fingerprint},
};
use crate::Hasher;
use futures::TryStreamExt;
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tracing::warn;

/// Above this many, all verdicts are forgotten; the worst of it is that blobs are hashed once more.
const MOST: usize = 65_536;

/// How many blobs may be hashed at once.
const GATES: usize = 8;

/// The verdicts of one store.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    known: Mutex<HashMap<BlobKey, Verdict>>,
    /// Many readers of an unknown blob hash it once.
    gates: [tokio::sync::Mutex<()>; GATES],
}

#[derive(Debug)]
struct Verdict {
    fingerprint: Fingerprint,
    whole: bool,
}

impl Verdicts {
    /// Whether the bytes are what `key` names.
    pub(super) async fn judge(&self, key: &BlobKey, content: &Content) -> Result<bool, StoreError> {
        if let Some(whole) = self.recall(key, &content.fingerprint) {
            return Ok(whole);
        }
        let gate = usize::from(key.digest.as_bytes()[0]) % GATES;
        let _passed = self.gates[gate].lock().await;
        if let Some(whole) = self.recall(key, &content.fingerprint) {
            return Ok(whole);
        }
        let mut hasher = Hasher::new();
        let mut chunks = content.chunks(0..content.size);
        while let Some(chunk) = chunks.try_next().await? {
            hasher.update(&chunk);
        }
        let whole = hasher.finish() == key.digest;
        if !whole {
            let BlobKey { source, digest } = key;
            warn!(namespace = source.namespace, name = source.name, %digest, "stored blob damaged");
        }
        self.record(key.clone(), content.fingerprint.clone(), whole);
        Ok(whole)
    }

    /// Notes a verdict that was reached elsewhere: an upload knows the digest of what it wrote.
    pub(super) fn record(&self, key: BlobKey, fingerprint: Fingerprint, whole: bool) {
        let mut known = self.known();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(key, Verdict { fingerprint, whole });
    }

    /// Forgets a blob that was removed, or whose verdict is in doubt.
    pub(super) fn forget(&self, key: &BlobKey) {
        self.known().remove(key);
    }

    fn recall(&self, key: &BlobKey, fingerprint: &Fingerprint) -> Option<bool> {
        self.known()
            .get(key)
            .filter(|verdict| verdict.fingerprint == *fingerprint)
            .map(|verdict| verdict.whole)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<BlobKey, Verdict>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
