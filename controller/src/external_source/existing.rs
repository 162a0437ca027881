//! The sources that there are, whoever works on them.
use super::{ExternalSources, key};
use crate::reconcile::Guarded;
use artifacts::SourceKey;
use crds::ExternalSource;
use kube::{
    Api,
    api::ListParams,
    runtime::reflector::{ObjectRef, Store},
};
use std::collections::BTreeSet;

/// How many names of sources are read at a time.
const PAGE: u32 = 500;

/// Where to look for sources.
pub(crate) struct Existing<'a> {
    /// Those that this controller works on, as the watch shows them.
    pub(crate) watched: &'a Store<Guarded<ExternalSources>>,
    /// Where to ask for those of other shards, which are not kept in memory; `None`: there are no others.
    pub(crate) others: Option<Api<ExternalSource>>,
}

impl Existing<'_> {
    /// Leaves of these sources those that are gone. Of other shards' sources kube-apiserver is asked for the names alone, a page at a
    /// time, and only if there is one that is not ours.
    pub(super) async fn gone(
        &self,
        mut named: BTreeSet<SourceKey>,
    ) -> Result<BTreeSet<SourceKey>, kube::Error> {
        let is_watched = |source: &SourceKey| {
            self.watched.get(&ObjectRef::new(&source.name).within(&source.namespace)).is_some()
        };
        named.retain(|source| !is_watched(source));
        let Some(others) = &self.others else { return Ok(named) };
        let mut page = ListParams::default().limit(PAGE);
        while !named.is_empty() {
            let found = others.list_metadata(&page).await?;
            for source in found.items.iter().filter_map(|source| key(&source.metadata).ok()) {
                named.remove(&source);
            }
            match found.metadata.continue_.filter(|next| !next.is_empty()) {
                Some(next) => page = page.continue_token(&next),
                None => break,
            }
        }
        // One that has come to be ours since is shown by the watch, if not by the list.
        named.retain(|source| !is_watched(source));
        Ok(named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::{Client, client::Body, runtime::reflector};
    use serde_json::json;
    use std::{
        convert::Infallible,
        sync::{Arc, Mutex},
    };

    /// A cluster of these sources of the namespace `apps`, two a page, that remembers what it was asked.
    fn cluster(names: &'static [&'static str], asked: Arc<Mutex<Vec<String>>>) -> Client {
        let service = tower::service_fn(move |request: http::Request<Body>| {
            let query = request.uri().query().unwrap_or_default().to_owned();
            let accept = request.headers().get("accept").and_then(|value| value.to_str().ok());
            assert!(accept.is_some_and(|accept| accept.contains("PartialObjectMetadataList")), "{accept:?}");
            let start = query.split('&').find_map(|pair| pair.strip_prefix("continue=")?.parse().ok());
            let start: usize = start.unwrap_or(0);
            asked.lock().unwrap().push(query);
            let item = |name: &&str| json!({ "metadata": { "namespace": "apps", "name": name } });
            let items: Vec<_> = names.iter().skip(start).take(2).map(item).collect();
            let next = if start + 2 < names.len() { (start + 2).to_string() } else { String::new() };
            let list = json!({
                "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadataList",
                "metadata": { "continue": next }, "items": items,
            });
            async move { Ok::<_, Infallible>(http::Response::new(Body::from(list.to_string().into_bytes()))) }
        });
        Client::new(service, "default")
    }

    fn named(names: &[&str]) -> BTreeSet<SourceKey> {
        names.iter().map(|name| SourceKey::new("apps", *name).expect("a name")).collect()
    }

    #[tokio::test]
    async fn a_source_of_another_shard_is_not_gone() {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let client = cluster(&["a", "b", "c"], asked.clone());
        let (watched, _writer) = reflector::store();
        let sources = Existing { watched: &watched, others: Some(Api::all(client)) };
        let gone = sources.gone(named(&["a", "c", "gone"])).await.expect("the list");
        assert_eq!(gone, named(&["gone"]));
        assert_eq!(asked.lock().unwrap().len(), 2, "two pages");
        sources.gone(named(&["a"])).await.expect("the list");
        assert_eq!(asked.lock().unwrap().len(), 3, "no further than the last that is looked for");
        sources.gone(BTreeSet::new()).await.expect("nothing to ask");
        assert_eq!(asked.lock().unwrap().len(), 3);
    }

    #[tokio::test]
    async fn where_there_are_no_others_nobody_is_asked() {
        let (watched, _writer) = reflector::store();
        let sources = Existing { watched: &watched, others: None };
        assert_eq!(sources.gone(named(&["gone"])).await.expect("nothing to ask"), named(&["gone"]));
    }
}
