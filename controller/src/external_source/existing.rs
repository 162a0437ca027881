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
    use kube::runtime::reflector;

    #[tokio::test]
    async fn where_there_are_no_others_nobody_is_asked() {
        let named: BTreeSet<_> = [SourceKey::new("apps", "gone").expect("a name")].into();
        let (watched, _writer) = reflector::store();
        let sources = Existing { watched: &watched, others: None };
        assert_eq!(sources.gone(named.clone()).await.expect("nothing to ask"), named);
    }
}
