//! The content of a collection. Pure: no locks, nothing waits, the time is an argument.
use crate::{
    api::{Deleted, Selection, Snapshot},
    live::Timed,
    meta::whole_seconds,
    object::{Item, Key, Object, Version},
    timeline::{Timeline, is_same, versioned},
};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

pub(super) struct State<T> {
    pub(super) timeline: Timeline<T>,
    start: Version,
}

/// Why a write keeps nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The name is taken.
    Taken,
    /// What is kept is not what the writer has seen.
    Changed,
}

impl<T: Object> Timed for State<T> {
    type Object = T;

    fn timeline(&self) -> &Timeline<T> {
        &self.timeline
    }
}

impl<T: Object> State<T> {
    /// Nothing, at a version that must be above those of earlier lives.
    pub(super) fn new(start: Version, window: usize) -> Self {
        let mut timeline = Timeline::new(window);
        timeline.restart(start, BTreeMap::new());
        Self { timeline, start }
    }

    pub(super) fn version(&self) -> Version {
        self.timeline.version().unwrap_or(self.start)
    }

    pub(super) fn snapshot(&self, selection: &Selection) -> Snapshot<T> {
        let nothing = || Snapshot { version: self.version(), items: Vec::new() };
        self.timeline.snapshot(selection).unwrap_or_else(nothing)
    }

    /// See [`super::Collection::upsert`].
    pub(super) fn upsert(&mut self, mut object: T, now: Timestamp) -> Item<T> {
        let key = Key::of(&object);
        let before = self.timeline.get(&key).cloned();
        let meta = object.meta_mut();
        if let Some(before) = &before {
            meta.uid.clone_from(&before.meta().uid);
            meta.creation_timestamp.clone_from(&before.meta().creation_timestamp);
        }
        meta.uid.get_or_insert_with(|| Uuid::new_v4().to_string());
        meta.creation_timestamp.get_or_insert_with(|| whole_seconds(now));
        match before {
            Some(before) if is_same(&before, &object) => before,
            _ => self.put(&key, object),
        }
    }

    /// See [`super::Collection::remove`].
    pub(super) fn remove(&mut self, key: &Key) -> Option<Item<T>> {
        let version = self.next();
        let gone = self.timeline.remove(version, key)?;
        self.timeline.advance(version);
        Some(gone)
    }

    /// See [`super::Collection::replace`].
    pub(super) fn replace(&mut self, objects: impl IntoIterator<Item = T>, now: Timestamp) {
        let mut missing: BTreeSet<Key> = self.timeline.keys().cloned().collect();
        for object in objects {
            missing.remove(&Key::of(&object));
            self.upsert(object, now);
        }
        for key in missing {
            self.remove(&key);
        }
    }

    /// Keeps a new object.
    pub(super) fn create(&mut self, object: T) -> Result<Item<T>, Refused> {
        let key = Key::of(&object);
        self.is_free(&key)?;
        Ok(self.put(&key, object))
    }

    pub(super) fn is_free(&self, key: &Key) -> Result<(), Refused> {
        if self.timeline.get(key).is_some() { Err(Refused::Taken) } else { Ok(()) }
    }

    /// Keeps an object in place of the one that the writer has seen. One that was on its way out and has lost its last
    /// finalizer goes.
    pub(super) fn update(&mut self, before: &Item<T>, after: T) -> Result<Item<T>, Refused> {
        let kept = self.unchanged(before)?;
        if is_same(&kept, &after) {
            return Ok(kept);
        }
        let key = Key::of(&*kept);
        if after.meta().deletion_timestamp.is_some() && !has_finalizers(&after) {
            self.remove(&key);
            return Ok(versioned(after, self.version()));
        }
        Ok(self.put(&key, after))
    }

    /// Takes away the object that the writer has seen, or marks it if there are finalizers to wait for.
    pub(super) fn delete(&mut self, seen: &Item<T>, marked: T) -> Result<Deleted<T>, Refused> {
        let kept = self.unchanged(seen)?;
        let key = Key::of(&*kept);
        if has_finalizers(&marked) {
            let is_marked = is_same(&kept, &marked);
            return Ok(Deleted::Going(if is_marked { kept } else { self.put(&key, marked) }));
        }
        Ok(Deleted::Gone(self.remove(&key).unwrap_or(kept)))
    }

    /// The object that is kept, if it still is the one that the writer has seen.
    pub(super) fn unchanged(&self, seen: &Item<T>) -> Result<Item<T>, Refused> {
        let kept = self.timeline.get(&Key::of(&**seen)).ok_or(Refused::Changed)?;
        let is_unchanged = kept.meta().resource_version == seen.meta().resource_version;
        if is_unchanged { Ok(kept.clone()) } else { Err(Refused::Changed) }
    }

    fn put(&mut self, key: &Key, object: T) -> Item<T> {
        let version = self.next();
        let kept = self.timeline.put(version, key, object);
        self.timeline.advance(version);
        kept
    }

    fn next(&self) -> Version {
        Version(self.version().0 + 1)
    }
}

/// Whether somebody has something to do before an object may go.
pub(super) fn has_finalizers<T: Object>(object: &T) -> bool {
    object.meta().finalizers.as_ref().is_some_and(|finalizers| !finalizers.is_empty())
}
