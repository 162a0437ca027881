//! The content of a view: what the backing objects give, and the timeline of it. Pure: no locks, no clock, nothing waits.
use super::{claims::Claims, numbering::Numbering};
use crate::{
    live::Timed,
    object::{Item, Key, Object, Version},
    timeline::{Timeline, is_same, version_of, versioned},
};
use std::collections::BTreeMap;

pub(super) struct State<T> {
    numbering: Numbering,
    claims: Claims<T>,
    pub(super) timeline: Timeline<T>,
}

impl<T: Object> Timed for State<T> {
    type Object = T;

    fn timeline(&self) -> &Timeline<T> {
        &self.timeline
    }
}

impl<T: Object> State<T> {
    pub(super) fn new(numbering: Numbering, window: usize) -> Self {
        Self { numbering, claims: Claims::new(), timeline: Timeline::new(window) }
    }

    /// See [`super::View::replace`].
    pub(super) fn replace(&mut self, version: Version, objects: impl IntoIterator<Item = (Key, Vec<T>)>) {
        self.claims = Claims::new();
        let mut keys = Vec::new();
        for (backing, objects) in objects {
            let written = objects.iter().filter_map(version_of).max().unwrap_or(version);
            let numbered = by_key(objects).into_iter().enumerate().map(|(position, (key, object))| {
                let numbered = self.numbering.change(written, position);
                (key, versioned(object, numbered.unwrap_or(self.numbering.whole(written))))
            });
            keys.extend(self.claims.write(written, &backing, numbered.collect()));
        }
        let owned = keys.into_iter().filter_map(|key| {
            let item = self.claims.owned(&key)?.clone();
            Some((key, item))
        });
        self.timeline.restart(self.numbering.whole(version), owned.collect());
    }

    /// See [`super::View::apply`]. A write that the last list included already changes nothing.
    pub(super) fn apply(&mut self, version: Version, backing: &Key, objects: Vec<T>) {
        let whole = self.numbering.whole(version);
        if self.timeline.version().is_none_or(|seen| whole <= seen) {
            return;
        }
        let items = by_key(objects).into_iter().map(|(key, object)| (key, Item::from(object)));
        let touched = self.claims.write(version, backing, items.collect());
        let (mut position, mut has_room) = (0, true);
        for key in touched {
            let numbered = self.numbering.change(version, position);
            if self.settle(&key, numbered.unwrap_or(whole)) {
                has_room &= numbered.is_some();
                position += 1;
            }
        }
        self.timeline.advance(whole);
        if !has_room {
            self.timeline.forget_changes();
        }
    }

    /// See [`super::View::advance`].
    pub(super) fn advance(&mut self, version: Version) {
        if self.timeline.version().is_some() {
            self.timeline.advance(self.numbering.whole(version));
        }
    }

    /// Shows an object as its owner gives it now; false if it is shown like that already.
    fn settle(&mut self, key: &Key, version: Version) -> bool {
        let keeps_same = !self.numbering.follows_every_write();
        let shown = match (self.timeline.get(key).cloned(), self.claims.owned(key)) {
            (None, None) => return false,
            (Some(_), None) => return self.timeline.remove(version, key).is_some(),
            (Some(shown), Some(given)) if keeps_same && is_same(&shown, given) => Err(shown),
            (_, Some(given)) => Ok(self.timeline.put(version, key, T::clone(given))),
        };
        self.claims.share(key, shown.as_ref().unwrap_or_else(|same| same));
        shown.is_ok()
    }
}

fn by_key<T: Object>(objects: Vec<T>) -> BTreeMap<Key, T> {
    objects.into_iter().map(|object| (Key::of(&object), object)).collect()
}

#[cfg(test)]
mod tests;
