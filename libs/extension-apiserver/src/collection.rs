//! A collection: virtual objects that are kept in memory, served with every verb.
//!
//! Its author feeds it ([`Collection::upsert`], [`Collection::remove`], [`Collection::replace`]), its clients write to
//! it ([`Create`](crate::api::Create), [`Update`](crate::api::Update), [`Patch`](crate::api::Patch),
//! [`Delete`](crate::api::Delete), [`DeleteCollection`](crate::api::DeleteCollection)), or both; which verbs are open
//! to clients is said where it is registered. A [`Strategy`] prepares and checks what clients write.
//!
//! What is kept is lost when the program ends, and other replicas know nothing of it. Versions begin at the time at
//! which the collection is made, in microseconds, and grow by one with every write, so that they grow over restarts:
//! a version of an earlier life, or of another replica, is answered with 410, and clients list again.
mod deletion;
mod read;
mod state;
mod strategy;
mod write;

pub use strategy::Strategy;

use crate::{
    live::Live,
    object::{Item, Key, Object, Version},
    timeline::WINDOW,
};
use jiff::Timestamp;
use state::State;
use std::sync::Arc;

/// Objects that are kept in memory. Clones share their content.
pub struct Collection<T> {
    live: Arc<Live<State<T>>>,
    strategy: Arc<dyn Strategy<T>>,
}

impl<T: Object> Collection<T> {
    /// An empty collection, which takes every object.
    pub fn new() -> Self {
        let now = Timestamp::now();
        let start = u64::try_from(now.as_microsecond()).unwrap_or_default();
        let live = Live::new(State::new(Version(start), WINDOW));
        Self { live, strategy: Arc::new(strategy::Anything) }
    }

    /// Prepares and checks what clients write to this clone of the collection, and to clones of it.
    ///
    /// So a status can be written as a subresource: by a clone whose strategy keeps nothing else of what is written,
    /// while that of the others keeps the status. A closure will do that only checks:
    /// `|object: &T, before: Option<&T>| -> Vec<Cause>`.
    #[must_use]
    pub fn checked(self, strategy: impl Strategy<T>) -> Self {
        Self { strategy: Arc::new(strategy), ..self }
    }

    /// Keeps this many changes for watches and pages to continue from, instead of 4,096.
    #[must_use]
    pub fn with_window(self, changes: usize) -> Self {
        self.live.change(|state| state.timeline.resize_window(changes));
        self
    }

    /// Keeps an object under its name, and returns it as it is kept. One that says nothing new changes nothing.
    ///
    /// Of the metadata, uid and creation time are those of the object that it replaces, or new ones if it has none.
    pub fn upsert(&self, object: T) -> Item<T> {
        self.live.change(|state| state.upsert(object, Timestamp::now()))
    }

    /// Takes an object away, and returns its last state. Finalizers are not waited for.
    pub fn remove(&self, key: &Key) -> Option<Item<T>> {
        self.live.change(|state| state.remove(key))
    }

    /// Makes these the only objects: what is missing is taken away, what is unchanged stays as it is.
    pub fn replace(&self, objects: impl IntoIterator<Item = T>) {
        self.live.change(|state| state.replace(objects, Timestamp::now()));
    }

    /// One object, as it is now.
    pub fn object(&self, key: &Key) -> Option<Item<T>> {
        self.live.read().timeline.get(key).cloned()
    }
}

impl<T: Object> Default for Collection<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Clone for Collection<T> {
    fn clone(&self) -> Self {
        Self { live: Arc::clone(&self.live), strategy: Arc::clone(&self.strategy) }
    }
}

#[cfg(test)]
mod tests;
