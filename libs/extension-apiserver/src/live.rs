//! A store that is read and watched while it changes: its state behind a lock, and everybody who waits for a change.
mod changes;

use crate::{
    api::Changes,
    object::{Object, Version},
    status::Status,
    timeline::Timeline,
};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use tokio::sync::watch;

/// A state with a timeline in it.
pub(crate) trait Timed: Send + Sync + 'static {
    type Object: Object;

    fn timeline(&self) -> &Timeline<Self::Object>;
}

pub(crate) struct Live<S> {
    state: RwLock<S>,
    /// Told after each change of `state`; whoever waits for one subscribes.
    changed: watch::Sender<()>,
}

impl<S: Timed> Live<S> {
    pub(crate) fn new(state: S) -> Arc<Self> {
        Arc::new(Self { state: RwLock::new(state), changed: watch::Sender::new(()) })
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, S> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, and tells everybody.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut S) -> R) -> R {
        let result = change(&mut self.state.write().unwrap_or_else(PoisonError::into_inner));
        self.changed.send_replace(());
        result
    }

    /// Waits for a state, for as long as the caller likes.
    pub(crate) async fn wait_until(&self, is_reached: impl Fn(&S) -> bool) {
        let mut changed = self.changed.subscribe();
        while !is_reached(&self.read()) && changed.changed().await.is_ok() {}
    }

    /// Every change after a version, as they come; an error if the window does not reach back that far.
    pub(crate) fn changes_after(self: &Arc<Self>, from: Version) -> Result<Changes<S::Object>, Status> {
        let next = self.read().timeline().number_after(from)?;
        Ok(self.changes_from(next, from))
    }

    /// Every change from a number on. The reader has seen everything up to a version, perhaps elsewhere.
    pub(crate) fn changes_from(self: &Arc<Self>, number: u64, seen: Version) -> Changes<S::Object> {
        changes::stream(Arc::clone(self), self.changed.subscribe(), number, seen)
    }
}
