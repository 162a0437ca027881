//! A reflector of kube, that gets its objects by a streaming list or page by page.
use super::{
    PAUSE,
    changes::{flunder, versions},
};
use futures::StreamExt;
use kube::{
    Api,
    api::DynamicObject,
    runtime::{
        WatchStreamExt, reflector,
        reflector::{Store, store::Writer},
        watcher,
    },
};
use std::collections::BTreeMap;
use tokio_util::task::AbortOnDropHandle;

pub(super) struct Twin {
    store: Store<DynamicObject>,
    _following: AbortOnDropHandle<()>,
}

impl Twin {
    pub(super) fn streaming(api: Api<DynamicObject>) -> Self {
        Self::following(api, watcher::Config::default().streaming_lists())
    }

    pub(super) fn paging(api: Api<DynamicObject>) -> Self {
        Self::following(api, watcher::Config::default().page_size(7))
    }

    fn following(api: Api<DynamicObject>, config: watcher::Config) -> Self {
        let writer = Writer::new(flunder());
        let store = writer.as_reader();
        let events = reflector(writer, watcher(api, config).default_backoff());
        let following = tokio::spawn(events.for_each(async |_| ()));
        Self { store, _following: AbortOnDropHandle::new(following) }
    }

    /// Returns once it holds what is kept.
    pub(super) async fn agrees_with(&self, kept: &BTreeMap<String, String>) {
        while versions(self.store.state().iter().map(AsRef::as_ref)) != *kept {
            tokio::time::sleep(PAUSE).await;
        }
    }
}
