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
//! A version outside the window, after a restart or on a replica that was started later, is answered with 410, and clients
//! list again; or, with [`View::rebuilt_by`], from the backing objects as they were, for as long as kube-apiserver
//! remembers them.
mod claims;
mod numbering;
mod past;
mod rebuild;
mod state;

use crate::{
    api::{At, Call, Changes, Get, List, Resource, Selection, Snapshot, Watch},
    live::{Live, Timed},
    object::{Item, Key, Object, Version},
    status::Status,
    timeline::WINDOW,
};
use futures::{
    future::{BoxFuture, ready},
    stream::{self, StreamExt},
};
use http::StatusCode;
use numbering::Numbering;
use past::Past;
use state::State;
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

/// How long a request waits for a version that another replica has seen already.
const CATCH_UP: Duration = Duration::from_secs(3);

/// Seconds after which to try again when the backing objects have not been read yet.
const UNREAD_RETRY: u32 = 1;

/// Virtual objects computed from objects in kube-apiserver. Clones share their content.
pub struct View<T> {
    live: Arc<Live<State<T>>>,
    numbering: Numbering,
    past: Option<Arc<Past<T>>>,
}

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
        self.live.change(|state| state.timeline.resize_window(changes));
        self
    }

    /// Makes the states that the window does not reach anew, so that watches and pages go on after a restart and on any
    /// replica. To be called before the view is cloned.
    ///
    /// `list` lists the backing objects as they were at a version (`resourceVersionMatch=Exact`), each with the objects
    /// that it gives, as for [`View::replace`]. If the version is compacted it answers with [`Status::expired`], and so
    /// does the view.
    #[must_use]
    pub fn rebuilt_by(
        self,
        list: impl Fn(Version) -> BoxFuture<'static, Result<Vec<(Key, Vec<T>)>, Status>> + Send + Sync + 'static,
    ) -> Self {
        let past = Past::new(self.numbering, Box::new(list));
        Self { past: Some(Arc::new(past)), ..self }
    }

    fn new(numbering: Numbering, window: usize) -> Self {
        Self { live: Live::new(State::new(numbering, window)), numbering, past: None }
    }

    /// Takes the result of a list at a backing version: every backing object's key with its virtual objects.
    ///
    /// `metadata.resourceVersion` of an object is read as the version of its backing object, and replaced by the view's
    /// own. What happened since the previous list is unknown, so open watches end, and their clients list again.
    pub fn replace(&self, version: Version, objects: impl IntoIterator<Item = (Key, Vec<T>)>) {
        self.live.change(|state| state.replace(version, objects));
    }

    /// Takes a write to one backing object: its version, and all virtual objects that follow from it now.
    pub fn apply(&self, version: Version, backing: &Key, objects: Vec<T>) {
        self.live.change(|state| state.apply(version, backing, objects));
    }

    /// Takes the deletion of a backing object.
    pub fn remove(&self, version: Version, backing: &Key) {
        self.apply(version, backing, Vec::new());
    }

    /// Takes a bookmark: up to this version nothing else happened.
    pub fn advance(&self, version: Version) {
        self.live.change(|state| state.advance(version));
    }

    /// Whether the backing objects have been read.
    pub fn is_ready(&self) -> bool {
        self.version().is_some()
    }

    /// One object, as it is now.
    pub fn object(&self, key: &Key) -> Option<Item<T>> {
        self.live.read().timeline.get(key).cloned()
    }

    fn version(&self) -> Option<Version> {
        self.live.read().timeline.version()
    }

    /// Waits, though not for long, until the view has seen a version.
    async fn reach(&self, wanted: Version) -> Result<(), Status> {
        let is_reached = |state: &State<T>| state.timeline.version().is_some_and(|version| version >= wanted);
        // Either way, what counts is where the view stands now.
        let _waited = timeout(CATCH_UP, self.live.wait_until(is_reached)).await;
        match self.version() {
            None => Err(unread()),
            Some(version) if version < wanted => Err(Status::too_large_version(wanted.0, version.0)),
            Some(_) => Ok(()),
        }
    }
}

impl<T> Clone for View<T> {
    fn clone(&self) -> Self {
        Self { live: Arc::clone(&self.live), numbering: self.numbering, past: self.past.clone() }
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
        let listed = match self.reach(wanted).await {
            Ok(()) => self.known(selection, at),
            Err(refused) => Err(refused),
        };
        match (listed, &self.past) {
            (Err(refused), Some(past)) if is_elsewhere(&refused) => match past.state_at(wanted).await {
                Ok(state) => Ok(Snapshot::clone(&state)),
                // A version that this replica has not seen, and that kube-apiserver does not know, is of the future.
                Err(_) if refused.code() == StatusCode::GATEWAY_TIMEOUT => Err(refused),
                Err(unknown) => Err(unknown),
            },
            (listed, _) => listed,
        }
    }
}

impl<T: Object> Watch for View<T> {
    async fn watch(&self, _: &Call, _: &Selection, from: Version) -> Result<Changes<T>, Status> {
        let changes = self.live.changes_after(from);
        let Some(past) = &self.past else { return changes };
        let changes = match changes {
            Err(refused) if is_elsewhere(&refused) => self.caught_up(past, from).await?,
            changes => changes?,
        };
        // A reader that falls out of the window need not list again: it comes back with the version that it has.
        Ok(changes.take_while(|change| ready(!change.as_ref().is_err_and(is_elsewhere))).boxed())
    }
}

impl<T: Object> View<T> {
    fn known(&self, selection: &Selection, at: At) -> Result<Snapshot<T>, Status> {
        let state = self.live.read();
        match at {
            At::Exactly(version) => state.timeline().snapshot_at(version, selection),
            _ => state.timeline().snapshot(selection).ok_or_else(unread),
        }
    }

    /// What leads from a state of the past to now, and then every change.
    async fn caught_up(&self, past: &Past<T>, from: Version) -> Result<Changes<T>, Status> {
        let then = past.state_at(from).await?;
        let (now, next) = {
            let state = self.live.read();
            let now = state.timeline().snapshot(&Selection::default()).ok_or_else(unread)?;
            let next = state.timeline().number_after(now.version)?;
            (now, next)
        };
        let missed = stream::iter(rebuild::between(&then, &now)).map(Ok);
        Ok(missed.chain(self.live.changes_from(next, now.version)).boxed())
    }
}

/// Whether a version is not in the window, though it may be one that kube-apiserver remembers.
fn is_elsewhere(status: &Status) -> bool {
    status.code() == StatusCode::GONE || status.code() == StatusCode::GATEWAY_TIMEOUT
}

fn unread() -> Status {
    Status::unavailable(
        "the objects behind this resource have not been read yet, please try again",
        UNREAD_RETRY,
    )
}

#[cfg(test)]
mod tests;
