//! States that no window reaches: the backing objects are listed as they were, and the view is made of them anew.
//!
//! This costs kube-apiserver a list, so only a few run at once, everybody who wants the same version waits for one, and
//! the last few are kept.
use super::{numbering::Numbering, rebuild};
use crate::{
    api::Snapshot,
    object::{Key, Object, Version},
    status::Status,
};
use futures::future::BoxFuture;
use moka::future::Cache;
use std::{sync::Arc, time::Duration};
use tokio::sync::Semaphore;

/// Every backing object with the objects that it gives.
pub(super) type Listed<T> = Vec<(Key, Vec<T>)>;

type List<T> = dyn Fn(Version) -> BoxFuture<'static, Result<Listed<T>, Status>> + Send + Sync;

/// Lists that may run at once.
const AT_ONCE: usize = 2;

/// States that are kept, for the next page or the next client that comes from the same replica.
const KEPT: u64 = 4;

/// Pages of one list follow each other; a state that nobody has asked for lately is only memory.
const KEPT_FOR: Duration = Duration::from_secs(60);

pub(super) struct Past<T> {
    list: Box<List<T>>,
    numbering: Numbering,
    running: Semaphore,
    states: Cache<Version, Arc<Snapshot<T>>>,
}

impl<T: Object> Past<T> {
    pub(super) fn new(numbering: Numbering, list: Box<List<T>>) -> Self {
        let states = Cache::builder().max_capacity(KEPT).time_to_idle(KEPT_FOR).build();
        Self { list, numbering, running: Semaphore::new(AT_ONCE), states }
    }

    /// The objects as they were at a version of the view.
    pub(super) async fn state_at(&self, version: Version) -> Result<Arc<Snapshot<T>>, Status> {
        let built =
            self.states.try_get_with(version, async { self.build(version).await.map(Arc::new) }).await;
        built.map_err(|status| Status::clone(&status))
    }

    async fn build(&self, version: Version) -> Result<Snapshot<T>, Status> {
        let _turn = self.running.acquire().await;
        let write = self.numbering.backing(version);
        let before = Version(write.0.saturating_sub(1));
        if self.numbering.includes_whole_write(version) {
            return Ok(rebuild::whole(self.numbering, write, self.listed(write).await?));
        }
        let (before, after) = (self.listed(before).await?, self.listed(write).await?);
        rebuild::within(self.numbering, version, before, after)
    }

    async fn listed(&self, version: Version) -> Result<Listed<T>, Status> {
        if version.0 == 0 {
            // "0" means any version to kube-apiserver, and nothing was ever written at it.
            return Err(Status::expired("The resourceVersion for the provided list is too old."));
        }
        (self.list)(version).await
    }
}
