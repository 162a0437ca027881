//! A watch that goes on: what a bench waits for is seen however often the watch request behind it ends.
//!
//! One request is not enough. kube-apiserver ends it when it likes, and surely may just after a CRD was installed: the first list
//! comes from etcd while the cache of the new kind is still being filled, whose history then begins after that list, so that a watch
//! from there is answered with 410 as its only event; and whenever a definition changes, as it does until it is established, its
//! storage is built anew, which ends all watches of the old one. So a list that is refused is asked for again, a watch that ends is
//! opened anew where it was, and after a 410 everything is listed again.
//!
//! None of this costs measured time: the first list is over before [`Watching::begin`] returns, and then a watch is opened as a
//! single request would be. What ends with an error in between is told on standard error, since a number that it delayed is not what
//! it should be.
use anyhow::{Context, Result};
use futures::{StreamExt, stream::BoxStream};
use kube::{
    Api, Resource, ResourceExt,
    runtime::watcher::{self, Config, Event, watcher},
};
use serde::de::DeserializeOwned;
use std::{
    collections::HashMap,
    fmt::Debug,
    time::{Duration, Instant},
};
use tokio::time::{sleep, timeout};

/// After this time a bench has failed.
const PATIENCE: Duration = Duration::from_secs(300);
/// Before it asks again: short, since somebody measures.
const AGAIN: Duration = Duration::from_millis(20);

/// A list that was read, and the watch from there on.
pub(crate) struct Watching<K> {
    events: BoxStream<'static, watcher::Result<Event<K>>>,
}

impl<K> Watching<K>
where
    K: Clone + Debug + DeserializeOwned + Resource + Send + 'static,
{
    /// Lists what there is, and returns it as well; the watch opens with the first wait.
    pub(crate) async fn begin(api: Api<K>, config: Config) -> Result<(Self, Vec<K>)> {
        let mut watching = Self { events: watcher(api, config).boxed() };
        let list = timeout(PATIENCE, watching.list()).await.context("nothing could be listed in time")??;
        Ok((watching, list))
    }

    async fn list(&mut self) -> Result<Vec<K>> {
        let mut list = Vec::new();
        loop {
            match self.next().await? {
                Event::Init => list.clear(),
                Event::InitApply(object) => list.push(object),
                Event::InitDone => return Ok(list),
                Event::Apply(_) | Event::Delete(_) => {}
            }
        }
    }

    /// When each of `count` objects was first seen to be so, by their names.
    pub(crate) async fn each(
        &mut self,
        count: usize,
        is_so: impl Fn(&K) -> bool,
    ) -> Result<HashMap<String, Instant>> {
        let mut seen = HashMap::new();
        let wait = async {
            while seen.len() < count {
                let (Event::Apply(object) | Event::InitApply(object)) = self.next().await? else { continue };
                if is_so(&object) {
                    seen.entry(object.name_any()).or_insert_with(Instant::now);
                }
            }
            anyhow::Ok(())
        };
        let waited = timeout(PATIENCE, wait).await;
        waited.with_context(|| format!("only {} of {count} were seen in time", seen.len()))??;
        Ok(seen)
    }

    /// When the last of `count` objects was seen to be so.
    pub(crate) async fn last(&mut self, count: usize, is_so: impl Fn(&K) -> bool) -> Result<Instant> {
        let seen = self.each(count, is_so).await?;
        seen.into_values().max().context("something is waited for")
    }

    async fn next(&mut self) -> Result<Event<K>> {
        loop {
            match self.events.next().await.context("a watcher never ends")? {
                Ok(event) => return Ok(event),
                Err(error) => {
                    let kind = std::any::type_name::<K>();
                    eprintln!("a watch of {kind} ended, and is opened anew: {error}");
                    sleep(AGAIN).await;
                }
            }
        }
    }
}
