//! What may go of what is stored: first it is marked, and a grace later it goes, if still nobody keeps it. Pure: what is
//! stored, what to keep and the time come from outside. Who removes a blob must do it by [`super::Store::collect`], and what
//! is staged by [`super::Store::unstage`], which see whether it was stored again since.
//!
//! The grace is for the reader who was told of a blob just before nothing named it any more. It counts from the mark, and
//! begins anew with a blob that was stored again. Before it is as old as another grace a blob has no mark: until then the
//! pass that stored it may yet publish it, and a mark from before that would say nothing of its readers.
//!
//! What is staged is stored again and again for as long as its process works on it, several times within a grace. So the
//! same rule tells what a process has left that was killed, whatever the clocks of this machine and of the store say.
use super::{BlobKey, Stored};
use jiff::Timestamp;
use std::{
    collections::{BTreeMap, HashSet},
    hash::Hash,
    time::Duration,
};

/// How long a reader who was told of a blob may still fetch it, a pass publish what it stored, and an upload be silent. Far
/// above the age at which a store in S3 takes a blob for new and does not store it again.
pub const GRACE: Duration = Duration::from_secs(60);

/// What nobody kept when a collector looked. Lost, it is marked again by the next look.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Marks<K = BlobKey>(BTreeMap<K, Mark>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Mark {
    stored_at: Timestamp,
    since: Timestamp,
}

/// What a look has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look<K = BlobKey> {
    /// What may go now.
    pub gone: Vec<Stored<K>>,
    /// When to look again, for what nobody keeps and has its grace.
    pub again: Option<Timestamp>,
}

/// No marks.
impl<K> Default for Marks<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Clone + Hash + Ord> Marks<K> {
    /// Marks what nobody keeps, and names what has been marked for longer than `grace`. `now` is when `keep` was read:
    /// whatever waits between that and the removal, what was published meanwhile was stored within the grace, or again.
    pub fn look(
        &mut self,
        stored: &[Stored<K>],
        keep: &HashSet<K>,
        grace: Duration,
        now: Timestamp,
    ) -> Look<K> {
        let graced = |since: Timestamp| since.checked_add(grace).unwrap_or(Timestamp::MAX);
        let unkept = || stored.iter().filter(|one| !keep.contains(&one.key));
        let (old, young): (Vec<_>, Vec<_>) = unkept().partition(|one| graced(one.stored_at) < now);
        self.0 = old.iter().map(|one| (one.key.clone(), self.mark(one, now))).collect();
        let is_over = |one: &&&Stored<K>| graced(self.0[&one.key].since) < now;
        let gone: Vec<_> = old.iter().filter(is_over).map(|one| (*one).clone()).collect();
        let marked = self.0.values().map(|mark| graced(mark.since)).filter(|end| *end >= now);
        let again = marked.chain(young.iter().map(|one| graced(one.stored_at))).min();
        Look { gone, again }
    }

    /// The mark that it has, or one from now on: also if it was stored again, or the clock was set back.
    fn mark(&self, one: &Stored<K>, now: Timestamp) -> Mark {
        let known = self.0.get(&one.key).filter(|mark| mark.stored_at == one.stored_at && mark.since <= now);
        known.copied().unwrap_or(Mark { stored_at: one.stored_at, since: now })
    }
}

#[cfg(test)]
mod interleavings;
#[cfg(test)]
mod tests;
