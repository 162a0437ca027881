//! Objects as they are, and a window of what happened to them lately: what both stores, [`crate::view`] and
//! [`crate::collection`], are made of. Any state in the window can be listed and watched from.
//!
//! Pure: no locks, no clock, nothing waits. Who gives out the versions is the stores' business.
use crate::{
    api::{Change, Selection, Snapshot},
    object::{Item, Key, Object, Version},
    status::Status,
};
use std::{
    collections::{BTreeMap, VecDeque},
    ops::Bound,
};

/// Changes that a store keeps for watches and pages to continue from, unless it is told otherwise.
pub(crate) const WINDOW: usize = 4096;

/// The objects of one resource, in the order of lists, and what happened to them lately.
pub(crate) struct Timeline<T> {
    window: usize,
    /// Up to where changes have been seen; `None` before the first state.
    version: Option<Version>,
    /// The oldest version that can be continued from without loss.
    floor: Version,
    objects: BTreeMap<Key, Item<T>>,
    log: VecDeque<Logged<T>>,
    /// The number of the first change in `log`, counted since the timeline was made.
    first: u64,
}

struct Logged<T> {
    version: Version,
    key: Key,
    before: Option<Item<T>>,
    change: Change<T>,
}

impl<T: Object> Timeline<T> {
    pub(crate) fn new(window: usize) -> Self {
        Self {
            window,
            version: None,
            floor: Version::default(),
            objects: BTreeMap::new(),
            log: VecDeque::new(),
            first: 0,
        }
    }

    pub(crate) fn resize_window(&mut self, changes: usize) {
        self.window = changes;
    }

    pub(crate) fn version(&self) -> Option<Version> {
        self.version
    }

    /// The oldest version that can be listed and watched from.
    #[cfg(test)]
    pub(crate) fn floor(&self) -> Version {
        self.floor
    }

    pub(crate) fn get(&self, key: &Key) -> Option<&Item<T>> {
        self.objects.get(key)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.objects.keys()
    }

    /// The objects that a selection may want, as they are now; `None` before the first state.
    pub(crate) fn snapshot(&self, selection: &Selection) -> Option<Snapshot<T>> {
        let items = self.near(selection).map(|(_, item)| item.clone()).collect();
        Some(Snapshot { version: self.version?, items })
    }

    /// The objects that a selection may want, as they were at a version: today's, with every later change undone.
    pub(crate) fn snapshot_at(&self, version: Version, selection: &Selection) -> Result<Snapshot<T>, Status> {
        if version < self.floor {
            return Err(too_old_to_list());
        }
        let mut objects: BTreeMap<&Key, &Item<T>> = self.near(selection).collect();
        let is_near = near::<T>(selection);
        for logged in self.log.iter().rev().take_while(|logged| logged.version > version) {
            if !is_near(&logged.key) {
                continue;
            }
            match &logged.before {
                Some(item) => objects.insert(&logged.key, item),
                None => objects.remove(&logged.key),
            };
        }
        Ok(Snapshot { version, items: objects.into_values().cloned().collect() })
    }

    /// The number of the first change after a version.
    pub(crate) fn number_after(&self, version: Version) -> Result<u64, Status> {
        if version < self.floor {
            return Err(self.too_old_to_watch(version));
        }
        let seen = self.log.partition_point(|logged| logged.version <= version);
        Ok(self.first + seen as u64)
    }

    /// At most `count` changes from a number on; an error if they are no longer kept.
    pub(crate) fn changes_from(&self, number: u64, count: usize) -> Result<Vec<Change<T>>, Status> {
        let skipped = number.checked_sub(self.first).ok_or_else(|| self.too_old_to_watch(self.floor))?;
        let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
        Ok(self.log.iter().skip(skipped).take(count).map(|logged| logged.change.clone()).collect())
    }

    /// Starts anew with these objects. Nobody knows what happened before, so watches that are open end.
    pub(crate) fn restart(&mut self, version: Version, objects: BTreeMap<Key, Item<T>>) {
        self.objects = objects;
        self.version = Some(version);
        self.forget_changes();
    }

    /// Puts one object as it is from a version on, and returns it as it is kept.
    pub(crate) fn put(&mut self, version: Version, key: &Key, object: T) -> Item<T> {
        let after = versioned(object, version);
        let before = self.objects.insert(key.clone(), after.clone());
        let change = match &before {
            None => Change::Added(after.clone()),
            Some(before) => Change::Modified { before: before.clone(), after: after.clone() },
        };
        self.log.push_back(Logged { version, key: key.clone(), before, change });
        after
    }

    /// Takes one object away; returns its last state, under the version at which it went.
    pub(crate) fn remove(&mut self, version: Version, key: &Key) -> Option<Item<T>> {
        let before = self.objects.remove(key)?;
        let gone = versioned(T::clone(&before), version);
        let change = Change::Deleted(gone.clone());
        self.log.push_back(Logged { version, key: key.clone(), before: Some(before), change });
        Some(gone)
    }

    /// Says that everything up to a version has been written, and drops what the window has no room for.
    pub(crate) fn advance(&mut self, version: Version) {
        self.version = self.version.max(Some(version));
        while self.log.len() > self.window {
            if let Some(oldest) = self.log.pop_front() {
                self.floor = oldest.version;
                self.first += 1;
            }
        }
    }

    /// Starts a new window. The number skipped makes every open watch see that it has missed something.
    pub(crate) fn forget_changes(&mut self) {
        self.first += self.log.len() as u64 + 1;
        self.log.clear();
        self.floor = self.version.unwrap_or_default();
    }

    /// The objects of the namespace, or the one that is named.
    fn near<'a>(&'a self, selection: &'a Selection) -> impl Iterator<Item = (&'a Key, &'a Item<T>)> {
        let is_near = near::<T>(selection);
        let start = selection
            .only::<T>()
            .unwrap_or_else(|| Key { namespace: selection.namespace.clone(), name: String::new() });
        let from_there = self.objects.range((Bound::Included(start), Bound::Unbounded));
        from_there.take_while(move |(key, _)| is_near(key))
    }

    fn too_old_to_watch(&self, version: Version) -> Status {
        Status::expired(format!("too old resource version: {version} ({})", self.floor))
    }
}

/// Whether an object can be wanted, as far as its key tells.
fn near<T: Object>(selection: &Selection) -> impl Fn(&Key) -> bool {
    let only = selection.only::<T>();
    move |key| match &only {
        Some(only) => key == only,
        None => selection.namespace.is_empty() || key.namespace == selection.namespace,
    }
}

/// In the words of k8s.io/apiserver.
fn too_old_to_list() -> Status {
    Status::expired("The resourceVersion for the provided list is too old.")
}

/// The version of an object, if it has one.
pub(crate) fn version_of<T: Object>(object: &T) -> Option<Version> {
    object.meta().resource_version.as_deref()?.parse().ok()
}

/// An object under a version.
pub(crate) fn versioned<T: Object>(mut object: T, version: Version) -> Item<T> {
    object.meta_mut().resource_version = Some(version.to_string());
    object.into()
}

/// Whether an object is what it was, but for its version. What does not serialize is taken for changed.
pub(crate) fn is_same<T: Object>(before: &Item<T>, object: &T) -> bool {
    let mut object = object.clone();
    object.meta_mut().resource_version = before.meta().resource_version.clone();
    let object = Item::from(object);
    matches!((before.json(), object.json()), (Ok(before), Ok(object)) if before == object)
}
