//! The content of a view and its window of changes. Pure: no locks, no clock, nothing waits.
use super::numbering::Numbering;
use crate::{
    api::{Change, Snapshot},
    object::{Item, Key, Object, Version},
    status::Status,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Objects, whom they come from, and what happened to them lately.
pub(super) struct State<T> {
    numbering: Numbering,
    window: usize,
    /// Up to where backing writes have been seen; `None` before the first list.
    version: Option<Version>,
    /// The oldest version that can be continued from without loss.
    floor: Version,
    objects: BTreeMap<Key, Owned<T>>,
    /// The keys of the objects of each backing object.
    owned: BTreeMap<Key, BTreeSet<Key>>,
    log: VecDeque<Logged<T>>,
    /// The number of the first change in `log`, counted since the view was made.
    first: u64,
}

struct Owned<T> {
    item: Item<T>,
    backing: Key,
}

struct Logged<T> {
    version: Version,
    key: Key,
    before: Option<Item<T>>,
    change: Change<T>,
}

impl<T: Object> State<T> {
    pub(super) fn new(numbering: Numbering, window: usize) -> Self {
        Self {
            numbering,
            window,
            version: None,
            floor: Version::default(),
            objects: BTreeMap::new(),
            owned: BTreeMap::new(),
            log: VecDeque::new(),
            first: 0,
        }
    }

    pub(super) fn resize_window(&mut self, changes: usize) {
        self.window = changes;
    }

    pub(super) fn version(&self) -> Option<Version> {
        self.version
    }

    pub(super) fn get(&self, key: &Key) -> Option<Item<T>> {
        self.objects.get(key).map(|owned| owned.item.clone())
    }

    /// See [`super::View::replace`].
    pub(super) fn replace(&mut self, version: Version, objects: impl IntoIterator<Item = (Key, Vec<T>)>) {
        self.objects.clear();
        self.owned.clear();
        for (backing, objects) in objects {
            for (position, (key, object)) in by_key(objects).into_iter().enumerate() {
                let written = version_of(&object).unwrap_or(version);
                let numbered = self.numbering.change(written, position);
                let item = versioned(object, numbered.unwrap_or(self.numbering.whole(written)));
                self.insert(&backing, &key, item);
            }
        }
        self.version = Some(self.numbering.whole(version));
        self.forget_changes();
    }

    /// See [`super::View::apply`]. A write that the last list included already changes nothing.
    pub(super) fn apply(&mut self, version: Version, backing: &Key, objects: Vec<T>) {
        let whole = self.numbering.whole(version);
        if self.version.is_none_or(|seen| whole <= seen) {
            return;
        }
        let mut objects = by_key(objects);
        let before = self.owned.get(backing).into_iter().flatten();
        let keys: BTreeSet<Key> = before.chain(objects.keys()).cloned().collect();
        let mut position = 0;
        let mut has_room = true;
        for key in keys {
            let object = objects.remove(&key);
            let numbered = self.numbering.change(version, position);
            let Some(logged) = self.write(backing, key, object, numbered.unwrap_or(whole)) else { continue };
            self.log.push_back(logged);
            has_room &= numbered.is_some();
            position += 1;
        }
        self.version = Some(whole);
        if has_room { self.trim() } else { self.forget_changes() }
    }

    /// See [`super::View::advance`].
    pub(super) fn advance(&mut self, version: Version) {
        self.version = self.version.map(|seen| seen.max(self.numbering.whole(version)));
    }

    /// The objects of a namespace as they are now; `None` before the first list.
    pub(super) fn snapshot(&self, namespace: &str) -> Option<Snapshot<T>> {
        let items = self.in_namespace(namespace).map(|(_, owned)| owned.item.clone()).collect();
        Some(Snapshot { version: self.version?, items })
    }

    /// The objects of a namespace as they were at a version: today's, with every later change undone.
    pub(super) fn snapshot_at(&self, version: Version, namespace: &str) -> Result<Snapshot<T>, Status> {
        if version < self.floor {
            return Err(self.too_old(version));
        }
        let now = self.in_namespace(namespace);
        let mut objects: BTreeMap<&Key, &Item<T>> = now.map(|(key, owned)| (key, &owned.item)).collect();
        for logged in self.log.iter().rev().take_while(|logged| logged.version > version) {
            if !namespace.is_empty() && logged.key.namespace != namespace {
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
    pub(super) fn number_after(&self, version: Version) -> Result<u64, Status> {
        if version < self.floor {
            return Err(self.too_old(version));
        }
        let seen = self.log.partition_point(|logged| logged.version <= version);
        Ok(self.first + seen as u64)
    }

    /// At most `count` changes from a number on; an error if they are no longer kept.
    pub(super) fn changes_from(&self, number: u64, count: usize) -> Result<Vec<Change<T>>, Status> {
        let Some(skipped) = number.checked_sub(self.first) else { return Err(self.too_old(self.floor)) };
        let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
        Ok(self.log.iter().skip(skipped).take(count).map(|logged| logged.change.clone()).collect())
    }

    fn in_namespace<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = (&'a Key, &'a Owned<T>)> {
        let start = Key { namespace: namespace.to_owned(), name: String::new() };
        let from_there = self.objects.range(start..);
        from_there.take_while(move |(key, _)| namespace.is_empty() || key.namespace == namespace)
    }

    /// Puts one object as it is now; what happened to it, if anything did.
    fn write(&mut self, backing: &Key, key: Key, object: Option<T>, version: Version) -> Option<Logged<T>> {
        let before = self.objects.get(&key).map(|owned| owned.item.clone());
        let change = match (&before, object) {
            (None, None) => return None,
            (Some(item), None) => {
                if !self.disown(backing, &key) {
                    return None;
                }
                Change::Deleted(versioned(T::clone(item), version))
            }
            (None, Some(object)) => {
                let item = versioned(object, version);
                self.insert(backing, &key, item.clone());
                Change::Added(item)
            }
            (Some(item), Some(object)) => {
                if !self.numbering.follows_every_write() && is_same(item, &object) {
                    return None;
                }
                let after = versioned(object, version);
                self.insert(backing, &key, after.clone());
                Change::Modified { before: item.clone(), after }
            }
        };
        Some(Logged { version, key, before, change })
    }

    fn insert(&mut self, backing: &Key, key: &Key, item: Item<T>) {
        self.owned.entry(backing.clone()).or_default().insert(key.clone());
        let owned = Owned { item, backing: backing.clone() };
        let previous = self.objects.insert(key.clone(), owned);
        if let Some(previous) = previous.filter(|previous| previous.backing != *backing) {
            self.forget_owner(&previous.backing, key);
        }
    }

    /// Takes an object away from its backing object; false if it belongs to another one.
    fn disown(&mut self, backing: &Key, key: &Key) -> bool {
        self.forget_owner(backing, key);
        let is_owner = self.objects.get(key).is_some_and(|owned| owned.backing == *backing);
        if is_owner {
            self.objects.remove(key);
        }
        is_owner
    }

    fn forget_owner(&mut self, backing: &Key, key: &Key) {
        let Some(keys) = self.owned.get_mut(backing) else { return };
        keys.remove(key);
        if keys.is_empty() {
            self.owned.remove(backing);
        }
    }

    fn trim(&mut self) {
        while self.log.len() > self.window {
            if let Some(oldest) = self.log.pop_front() {
                self.floor = oldest.version;
                self.first += 1;
            }
        }
    }

    /// Starts a new window. The number skipped makes every open watch see that it has missed something.
    fn forget_changes(&mut self) {
        self.first += self.log.len() as u64 + 1;
        self.log.clear();
        self.floor = self.version.unwrap_or_default();
    }

    fn too_old(&self, version: Version) -> Status {
        Status::expired(format!("too old resource version: {version} ({})", self.floor))
    }
}

fn by_key<T: Object>(objects: Vec<T>) -> BTreeMap<Key, T> {
    objects.into_iter().map(|object| (Key::of(&object), object)).collect()
}

fn version_of<T: Object>(object: &T) -> Option<Version> {
    object.meta().resource_version.as_deref()?.parse().ok().map(Version)
}

fn versioned<T: Object>(mut object: T, version: Version) -> Item<T> {
    object.meta_mut().resource_version = Some(version.to_string());
    object.into()
}

/// Whether an object is what it was, but for its version. What does not serialize is taken for changed.
fn is_same<T: Object>(before: &Item<T>, object: &T) -> bool {
    let mut object = object.clone();
    object.meta_mut().resource_version = before.meta().resource_version.clone();
    let object = Item::from(object);
    matches!((before.json(), object.json()), (Ok(before), Ok(object)) if before == object)
}

#[cfg(test)]
mod tests;
