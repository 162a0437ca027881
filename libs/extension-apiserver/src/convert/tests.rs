//! One collection, seen in two versions.
use super::*;
use crate::{
    collection::Collection,
    fixture::{Source, SourceFields, call, key, source},
    selectors::FieldSelector,
};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The other version says it the other way round.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[kube(
    group = "sub.example.com",
    version = "v1beta1",
    kind = "ActiveSource",
    plural = "sources",
    namespaced,
    no_spec
)]
pub(crate) struct ActiveSourceFields {
    pub(crate) active: bool,
}

impl Object for ActiveSource {
    const SELECTABLE_FIELDS: &'static [&'static str] = &["active"];
}

impl From<Source> for ActiveSource {
    fn from(kept: Source) -> Self {
        let active = !kept.spec.suspend.unwrap_or_default();
        Self { metadata: Default::default(), spec: ActiveSourceFields { active } }
    }
}

impl From<ActiveSource> for Source {
    fn from(shown: ActiveSource) -> Self {
        Self { metadata: Default::default(), spec: SourceFields { suspend: Some(!shown.spec.active) } }
    }
}

fn pair() -> (Collection<Source>, Converted<Collection<Source>, ActiveSource>) {
    let kept = Collection::new();
    (kept.clone(), Converted::new(kept))
}

fn active(name: &str) -> ActiveSource {
    let metadata = source(name).metadata;
    ActiveSource { metadata, spec: ActiveSourceFields { active: true } }
}

#[tokio::test]
async fn both_versions_are_the_same_objects_with_the_same_metadata() {
    let (kept, shown) = pair();
    let created =
        shown.create(&call("POST", "a", ""), active("a"), &WriteOptions::default()).await.expect("is free");
    let behind = kept.object(&key("a")).expect("was kept");
    assert_eq!(behind.spec.suspend, Some(false));
    assert_eq!(created.metadata, behind.metadata);
    assert!(created.metadata.uid.is_some() && created.metadata.resource_version.is_some());
}

#[tokio::test]
async fn a_replacement_that_saw_an_older_state_is_a_conflict() {
    let (kept, shown) = pair();
    kept.upsert(source("a"));
    let call = call("PUT", "a", "");
    let before = shown.get(&call, &key("a")).await.expect("is there");
    let mut after = (*before).clone();
    after.spec.active = false;
    let options = WriteOptions::default();
    let updated = shown.update(&call, &before, after.clone(), &options).await.expect("nobody was faster");
    assert!(!updated.spec.active);
    assert_eq!(kept.object(&key("a")).expect("is there").spec.suspend, Some(true));
    let refused = shown.update(&call, &before, after, &options).await.expect_err("has changed");
    assert_eq!(refused.code(), 409);
    let refused = shown.delete(&call, &before, &DeleteOptions::default()).await.expect_err("has changed");
    assert_eq!(refused.code(), 409);
    shown.delete(&call, &updated, &DeleteOptions::default()).await.expect("is the newest");
    assert!(kept.object(&key("a")).is_none());
}

#[tokio::test]
async fn fields_that_only_one_version_has_do_not_reach_the_other() {
    let (kept, shown) = pair();
    kept.upsert(source("a"));
    let fields = FieldSelector::parse("active=true").expect("a comparison");
    let selection = Selection { fields, ..Selection::default() };
    let list = shown.list(&call("GET", "", ""), &selection, At::Newest).await.expect("is known");
    assert_eq!(list.items.len(), 1, "the server selects");
}

#[tokio::test]
async fn a_watch_in_one_version_sees_writes_in_the_other() {
    let (kept, shown) = pair();
    let call = call("GET", "", "");
    let from = shown.list(&call, &Selection::default(), At::Newest).await.expect("is known").version;
    kept.upsert(source("a"));
    kept.remove(&key("a"));
    let changes = shown.watch(&call, &Selection::default(), from).await.expect("in the window");
    let told: Vec<_> = changes.take(2).collect().await;
    assert!(matches!(&told[0], Ok(Change::Added(item)) if item.spec.active), "{told:?}");
    assert!(matches!(&told[1], Ok(Change::Deleted(item)) if item.spec.active), "{told:?}");
}
