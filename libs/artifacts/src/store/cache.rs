//! Copies of small blobs in memory: many readers of one are not all sent to the store, and the newest artifacts can still be
//! served while the store fails.
//!
//! A copy is made of what was just published, and of what a reader of a published blob was sent. Its bytes have the digest
//! that the key names, or it is not made. It stands for its blob for a moment after the store was seen to hold that, and no
//! longer while the store answers: what was lost or damaged shows where it is.
use super::{Blob, BlobInfo, BlobKey, Pieces, StoreError};
use crate::{Digest, SMALL};
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Larger blobs are not copied: one of them would push out what many readers ask for. An upload has no more at hand.
const LARGEST: u64 = SMALL as u64;

/// What a copy takes beside its bytes: its key, twice, and its places in two maps.
const OVERHEAD: u64 = 512;

/// For how long a copy stands for what the store was seen to hold.
const MOMENT: Duration = Duration::from_millis(100);

/// How many readers' bytes may be gathered for a copy at once; those of others pass without one.
const GATHERING: usize = 4;

/// The copies of one store. Clones share them.
#[derive(Clone, Debug)]
pub struct Cache {
    /// In bytes, [`OVERHEAD`] included.
    limit: u64,
    copies: Arc<Mutex<Copies>>,
    gathering: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Copies {
    by_key: HashMap<BlobKey, Copied>,
    /// The one that goes next comes first.
    by_turn: BTreeMap<u64, BlobKey>,
    used: u64,
    turn: u64,
}

#[derive(Debug)]
struct Copied {
    info: BlobInfo,
    bytes: Bytes,
    turn: u64,
    /// When the store was last seen to hold the blob, whole.
    seen: Instant,
}

impl Cache {
    /// Copies that take `limit` bytes at most, the oldest of which go first; with 0 there are none.
    pub fn new(limit: u64) -> Self {
        Self { limit, copies: Arc::default(), gathering: Arc::new(Semaphore::new(GATHERING)) }
    }

    /// Whether there is a copy of this blob.
    pub fn holds(&self, key: &BlobKey) -> bool {
        self.copies().by_key.contains_key(key)
    }

    /// The copy of a blob that the store was seen to hold a moment before `now`, or that range of it that exists.
    pub fn fresh(&self, key: &BlobKey, range: Option<&Range<u64>>, now: Instant) -> Option<Blob> {
        let copies = self.copies();
        let copy = copies.by_key.get(key)?;
        (now.saturating_duration_since(copy.seen) < MOMENT).then(|| copy.blob(range))
    }

    /// The store was seen to hold this blob, whole.
    pub fn confirm(&self, key: &BlobKey, now: Instant) {
        if let Some(copy) = self.copies().by_key.get_mut(key) {
            copy.seen = now;
        }
    }

    /// The copy of this blob, or that range of it that exists.
    pub fn open(&self, key: &BlobKey, range: Option<&Range<u64>>) -> Option<Blob> {
        let mut copies = self.copies();
        copies.touch(key);
        Some(copies.by_key.get(key)?.blob(range))
    }

    /// What is known of the blob, if there is a copy of it.
    pub fn stat(&self, key: &BlobKey) -> Option<BlobInfo> {
        self.copies().by_key.get(key).map(|copy| copy.info.clone())
    }

    /// How many bytes the copies take, with what holds them.
    pub fn used(&self) -> u64 {
        self.copies().used
    }

    /// Sends a blob on, and copies it meanwhile if it is whole, small, right, and not copied yet.
    #[must_use]
    pub fn copying(&self, blob: Blob) -> Blob {
        let is_whole = blob.range == (0..blob.info.size);
        if !is_whole || !self.fits(blob.info.size) || self.copies().touch(&blob.info.key) {
            return blob;
        }
        let Ok(permit) = Arc::clone(&self.gathering).try_acquire_owned() else { return blob };
        let gathered = BytesMut::with_capacity(blob.info.size as usize);
        let gathering = Gathering { cache: self.clone(), info: blob.info.clone(), gathered, _permit: permit };
        Blob { bytes: Pieces::Coming(gathering.along(blob.bytes)), ..blob }
    }

    /// Copies a blob that was just stored.
    pub(super) fn published(&self, info: &BlobInfo, chunks: &[Bytes]) {
        if self.fits(info.size) {
            self.keep(info.clone(), chunks.concat().into());
        }
    }

    /// Forgets a blob that was removed.
    pub(super) fn forget(&self, key: &BlobKey) {
        self.copies().remove(key);
    }

    fn keep(&self, info: BlobInfo, bytes: Bytes) {
        if Digest::of(&bytes) == info.key.digest {
            self.copies().insert(info, bytes, self.limit);
        }
    }

    fn fits(&self, size: u64) -> bool {
        size <= LARGEST && size + OVERHEAD <= self.limit
    }

    fn copies(&self) -> MutexGuard<'_, Copies> {
        self.copies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Copied {
    fn blob(&self, range: Option<&Range<u64>>) -> Blob {
        let range = super::existing(range, self.info.size);
        let part = self.bytes.slice(range.start as usize..range.end as usize);
        Blob { info: self.info.clone(), range, bytes: Pieces::AtHand(part) }
    }
}

impl Copies {
    fn insert(&mut self, info: BlobInfo, bytes: Bytes, limit: u64) {
        self.remove(&info.key);
        self.turn += 1;
        self.used += bytes.len() as u64 + OVERHEAD;
        self.by_turn.insert(self.turn, info.key.clone());
        self.by_key.insert(info.key.clone(), Copied { info, bytes, turn: self.turn, seen: Instant::now() });
        while self.used > limit
            && let Some((_, oldest)) = self.by_turn.pop_first()
        {
            self.remove(&oldest);
        }
    }

    fn remove(&mut self, key: &BlobKey) {
        if let Some(copy) = self.by_key.remove(key) {
            self.by_turn.remove(&copy.turn);
            self.used -= copy.bytes.len() as u64 + OVERHEAD;
        }
    }

    /// Puts a copy at the end of the row, if there is one.
    fn touch(&mut self, key: &BlobKey) -> bool {
        let Some(copy) = self.by_key.get_mut(key) else { return false };
        self.turn += 1;
        let before = std::mem::replace(&mut copy.turn, self.turn);
        self.by_turn.remove(&before);
        self.by_turn.insert(self.turn, key.clone());
        true
    }
}

/// The bytes of one reader, gathered on their way.
struct Gathering {
    cache: Cache,
    info: BlobInfo,
    gathered: BytesMut,
    _permit: OwnedSemaphorePermit,
}

impl Gathering {
    fn along(self, bytes: Pieces) -> BoxStream<'static, Result<Bytes, StoreError>> {
        let copying = stream::try_unfold((bytes, self), |(mut bytes, mut gathering)| async move {
            match bytes.try_next().await? {
                Some(chunk) => {
                    gathering.gathered.extend_from_slice(&chunk);
                    gathering.end_if_whole();
                    Ok(Some((chunk, (bytes, gathering))))
                }
                None => Ok(None),
            }
        });
        copying.boxed()
    }

    /// With the last byte, not after it: a client that has what it wants asks for no end.
    fn end_if_whole(&mut self) {
        if self.gathered.len() as u64 == self.info.size {
            let bytes = std::mem::take(&mut self.gathered).freeze();
            self.cache.keep(self.info.clone(), bytes);
        }
    }
}

#[cfg(test)]
mod tests;
