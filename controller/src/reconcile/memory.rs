//! What the process remembers of each object between two passes. Whatever must survive a restart is in the status.
use jiff::Timestamp;
use std::{
    collections::HashMap,
    fmt::Debug,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// What is remembered of one object.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory<M> {
    /// When the next pass is due.
    pub next: Next,
    /// The generation that the last pass worked on.
    pub generation: Option<i64>,
    /// Whether the last pass failed.
    pub failed: bool,
    /// How many passes failed since the last good one.
    pub failures: i64,
    /// When the kind wants to be called, even if nothing is due then.
    pub chore: Option<Timestamp>,
    /// What the kind remembers.
    pub own: M,
}

/// When the next pass over an object is due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Next {
    /// Not known: this process has not seen the object before.
    #[default]
    Unknown,
    /// At that time.
    At(Timestamp),
    /// When something changes.
    OnChange,
}

/// Memory, and a status that could not be written or need not be yet.
#[derive(Clone, Debug)]
pub(super) struct Entry<M, S> {
    pub uid: String,
    pub memory: Memory<M>,
    /// Boxed, since it is large and most have none.
    pub draft: Option<Box<S>>,
}

impl<M: Default, S> Entry<M, S> {
    fn new(uid: &str) -> Self {
        Self { uid: uid.to_owned(), memory: Memory::default(), draft: None }
    }
}

/// All of it, by namespace and name. An entry is taken out for the time of a pass; there is never a second pass over
/// the same object at the same time.
#[derive(Debug)]
pub(super) struct Memories<M, S>(Mutex<HashMap<Key, Entry<M, S>>>);

/// Namespace and name.
pub(super) type Key = (String, String);

impl<M, S> Default for Memories<M, S> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<M: Default, S> Memories<M, S> {
    /// What is remembered of that object; of an earlier one of the same name, nothing is.
    pub(crate) fn take(&self, key: &Key, uid: &str) -> Entry<M, S> {
        self.lock().remove(key).filter(|entry| entry.uid == uid).unwrap_or_else(|| Entry::new(uid))
    }

    pub(crate) fn put(&self, key: Key, entry: Entry<M, S>) {
        self.lock().insert(key, entry);
    }

    pub(crate) fn forget(&self, key: &Key) {
        self.lock().remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Entry<M, S>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        ("apps".into(), "podinfo".into())
    }

    #[test]
    fn a_new_object_of_an_old_name_starts_without_a_past() {
        let memories = Memories::<u8, ()>::default();
        let mut entry = memories.take(&key(), "first");
        entry.memory.own = 7;
        memories.put(key(), entry.clone());
        assert_eq!(memories.take(&key(), "first").memory.own, 7);
        memories.put(key(), entry);
        assert_eq!(memories.take(&key(), "second").memory.own, 0);
    }
}
