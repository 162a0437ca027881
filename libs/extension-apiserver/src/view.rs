//! A view: virtual objects computed from objects that live in kube-apiserver, served with get, list and watch.
//!
//! Whoever watches the backing objects feeds the view: [`View::replace`] after each list, then [`View::apply`] and
//! [`View::remove`] for each write. The view finds out what changed, keeps a window of changes, and gives every change a
//! version. All replicas that see the same writes give the same versions, so a watch may go on at any of them:
//!
//! - [`View::mirrored`]: one object for each backing object at most, with its very version;
//! - [`View::derived`]: several, so one write may be several changes. The version of a change is *backing version × 1024
//!   + position within that write*; a list or bookmark that includes the whole write has position 1023.
//!
//! The version of the list itself is needed, not that of its newest object: kube-runtime's `watcher` hides it, so feed a
//! view from `Api::list` and `Api::watch`. A deletion between the two would be lost to clients of another replica.
//!
//! A version outside the window is answered with 410, as kube-apiserver does; clients then list again.
mod claims;
mod numbering;
mod state;

use crate::{
    api::{At, Call, Changes, Get, List, Resource, Selection, Snapshot, Watch},
    live::{Live, Timed},
    object::{Item, Key, Object, Version},
    status::Status,
    timeline::WINDOW,
};
use numbering::Numbering;
use state::State;
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

/// How long a request waits for a version that another replica has seen already.
const CATCH_UP: Duration = Duration::from_secs(3);

/// Seconds after which to try again when the backing objects have not been read yet.
const UNREAD_RETRY: u32 = 1;

/// Virtual objects computed from objects in kube-apiserver. Clones share their content.
pub struct View<T>(Arc<Live<State<T>>>);

impl<T: Object> View<T> {
    /// A view with any number of objects for each backing object.
    pub fn derived() -> Self {
        Self::new(Numbering::DERIVED, WINDOW)
    }

    /// A view with at most one object for each backing object, under the backing versions themselves.
    pub fn mirrored() -> Self {
        Self::new(Numbering::MIRRORED, WINDOW)
    }

    /// Keeps this many changes instead of 4,096. To be called before the view is fed.
    #[must_use]
    pub fn with_window(self, changes: usize) -> Self {
        self.0.change(|state| state.timeline.resize_window(changes));
        self
    }

    fn new(numbering: Numbering, window: usize) -> Self {
        Self(Live::new(State::new(numbering, window)))
    }

    /// Takes the result of a list at a backing version: every backing object's key with its virtual objects.
    ///
    /// `metadata.resourceVersion` of an object is read as the version of its backing object, and replaced by the view's
    /// own. What happened since the previous list is unknown, so open watches end, and their clients list again.
    pub fn replace(&self, version: Version, objects: impl IntoIterator<Item = (Key, Vec<T>)>) {
        self.0.change(|state| state.replace(version, objects));
    }

    /// Takes a write to one backing object: its version, and all virtual objects that follow from it now.
    pub fn apply(&self, version: Version, backing: &Key, objects: Vec<T>) {
        self.0.change(|state| state.apply(version, backing, objects));
    }

    /// Takes the deletion of a backing object.
    pub fn remove(&self, version: Version, backing: &Key) {
        self.apply(version, backing, Vec::new());
    }

    /// Takes a bookmark: up to this version nothing else happened.
    pub fn advance(&self, version: Version) {
        self.0.change(|state| state.advance(version));
    }

    /// Whether the backing objects have been read.
    pub fn is_ready(&self) -> bool {
        self.version().is_some()
    }

    /// One object, as it is now.
    pub fn object(&self, key: &Key) -> Option<Item<T>> {
        self.0.read().timeline.get(key).cloned()
    }

    fn version(&self) -> Option<Version> {
        self.0.read().timeline.version()
    }

    /// Waits, though not for long, until the view has seen a version.
    async fn reach(&self, wanted: Version) -> Result<(), Status> {
        let is_reached = |state: &State<T>| state.timeline.version().is_some_and(|version| version >= wanted);
        // Either way, what counts is where the view stands now.
        let _waited = timeout(CATCH_UP, self.0.wait_until(is_reached)).await;
        match self.version() {
            None => Err(unread()),
            Some(version) if version < wanted => Err(Status::too_large_version(wanted.0, version.0)),
            Some(_) => Ok(()),
        }
    }
}

impl<T> Clone for View<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Object> Resource for View<T> {
    type Object = T;
}

impl<T: Object> Get for View<T> {
    async fn get(&self, call: &Call, key: &Key) -> Result<Item<T>, Status> {
        self.reach(call.query.minimum_version()?.unwrap_or_default()).await?;
        self.object(key).ok_or_else(|| call.not_found())
    }
}

impl<T: Object> List for View<T> {
    async fn list(&self, _: &Call, selection: &Selection, at: At) -> Result<Snapshot<T>, Status> {
        let wanted = match at {
            At::Newest | At::Any => Version::default(),
            At::NotOlderThan(version) | At::Exactly(version) => version,
        };
        self.reach(wanted).await?;
        let state = self.0.read();
        match at {
            At::Exactly(version) => state.timeline().snapshot_at(version, selection),
            _ => state.timeline().snapshot(selection).ok_or_else(unread),
        }
    }
}

impl<T: Object> Watch for View<T> {
    async fn watch(&self, _: &Call, _: &Selection, from: Version) -> Result<Changes<T>, Status> {
        self.0.changes_after(from)
    }
}

fn unread() -> Status {
    Status::unavailable(
        "the objects behind this resource have not been read yet, please try again",
        UNREAD_RETRY,
    )
}

#[cfg(test)]
mod tests;
