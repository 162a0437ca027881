//! Which backing object gives which objects. Pure.
//!
//! Two backing objects may claim the same object; it belongs to the one that was written last. So what a view shows
//! follows from the backing objects alone, not from the way that they went: a replica that has only listed them shows
//! the same as one that saw every write.
use crate::object::{Item, Key, Object, Version};
use std::collections::{BTreeMap, BTreeSet};

pub(super) struct Claims<T> {
    /// Every claim to each object.
    by_object: BTreeMap<Key, Vec<Claim<T>>>,
    /// The keys of the objects of each backing object, in order. There is one most often, for which a tree is large.
    by_backing: BTreeMap<Key, Box<[Key]>>,
}

struct Claim<T> {
    backing: Key,
    written: Version,
    item: Item<T>,
}

impl<T> Claim<T> {
    fn rank(&self) -> (Version, &Key) {
        (self.written, &self.backing)
    }
}

impl<T: Object> Claims<T> {
    pub(super) fn new() -> Self {
        Self { by_object: BTreeMap::new(), by_backing: BTreeMap::new() }
    }

    /// Takes what a backing object gives from a version on; returns the keys of all objects that it gave or gives.
    pub(super) fn write(
        &mut self,
        version: Version,
        backing: &Key,
        items: BTreeMap<Key, Item<T>>,
    ) -> BTreeSet<Key> {
        let given: Box<[Key]> = items.keys().cloned().collect();
        let mut touched = BTreeSet::from_iter(self.by_backing.remove(backing).unwrap_or_default());
        for key in &touched {
            self.withdraw(backing, key);
        }
        for (key, item) in items {
            let claim = Claim { backing: backing.clone(), written: version, item };
            self.by_object.entry(key).or_insert_with(|| Vec::with_capacity(1)).push(claim);
        }
        touched.extend(given.iter().cloned());
        if !given.is_empty() {
            self.by_backing.insert(backing.clone(), given);
        }
        touched
    }

    /// The object as its owner gives it.
    pub(super) fn owned(&self, key: &Key) -> Option<&Item<T>> {
        let claims = self.by_object.get(key)?.iter();
        claims.max_by_key(|claim| claim.rank()).map(|claim| &claim.item)
    }

    /// Keeps the object as it is shown in place of the owner's own, which says the same: one copy is enough.
    pub(super) fn share(&mut self, key: &Key, shown: &Item<T>) {
        let claims = self.by_object.get_mut(key).into_iter().flatten();
        if let Some(owner) = claims.max_by(|a, b| a.rank().cmp(&b.rank())) {
            owner.item = shown.clone();
        }
    }

    fn withdraw(&mut self, backing: &Key, key: &Key) {
        let Some(claims) = self.by_object.get_mut(key) else { return };
        claims.retain(|claim| claim.backing != *backing);
        if claims.is_empty() {
            self.by_object.remove(key);
        }
    }
}
