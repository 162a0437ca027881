//! Which blobs may go: first a blob is marked, and a grace later it goes, if still nobody keeps it. Pure: the stored blobs,
//! those to keep and the time come from outside, and who removes must do it by [`super::Store::collect`].
//!
//! The grace is for the reader who was told of a blob just before nothing named it any more. It counts from the mark, and
//! begins anew with a blob that was stored again. Before it is as old as another grace a blob has no mark: until then the
//! pass that stored it may yet publish it, and a mark from before that would say nothing of its readers.
use super::{BlobInfo, BlobKey};
use jiff::Timestamp;
use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

/// The blobs that nobody kept when a collector looked. Lost, they are marked again by the next look.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Marks(BTreeMap<BlobKey, Mark>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Mark {
    stored_at: Timestamp,
    since: Timestamp,
}

/// What a look has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The blobs that may go now.
    pub gone: Vec<BlobInfo>,
    /// When to look again, for those that nobody keeps and that have their grace.
    pub again: Option<Timestamp>,
}

impl Marks {
    /// Marks what nobody keeps, and names what has been marked for longer than `grace`. `now` is when `keep` was read:
    /// whatever waits between that and the removal, what was published meanwhile was stored within the grace, or again.
    pub fn look(
        &mut self,
        stored: &[BlobInfo],
        keep: &HashSet<BlobKey>,
        grace: Duration,
        now: Timestamp,
    ) -> Look {
        let graced = |since: Timestamp| since.checked_add(grace).unwrap_or(Timestamp::MAX);
        let unkept = || stored.iter().filter(|blob| !keep.contains(&blob.key));
        let (old, young): (Vec<_>, Vec<_>) = unkept().partition(|blob| graced(blob.stored_at) < now);
        self.0 = old.iter().map(|blob| (blob.key.clone(), self.mark(blob, now))).collect();
        let is_over = |blob: &&&BlobInfo| graced(self.0[&blob.key].since) < now;
        let gone: Vec<_> = old.iter().filter(is_over).map(|blob| (*blob).clone()).collect();
        let marked = self.0.values().map(|mark| graced(mark.since)).filter(|end| *end >= now);
        let again = marked.chain(young.iter().map(|blob| graced(blob.stored_at))).min();
        Look { gone, again }
    }

    /// The mark that the blob has, or one from now on: also if it was stored again, or the clock was set back.
    fn mark(&self, blob: &BlobInfo, now: Timestamp) -> Mark {
        let known =
            self.0.get(&blob.key).filter(|mark| mark.stored_at == blob.stored_at && mark.since <= now);
        known.copied().unwrap_or(Mark { stored_at: blob.stored_at, since: now })
    }
}

#[cfg(test)]
mod interleavings;
#[cfg(test)]
mod tests;
