//! A collection as its author feeds it and as clients write to it.
use super::*;
use crate::{
    api::{
        At, Call, Change, Create, Delete, DeleteOptions, Deleted, Get, List, Selection, Update, Watch,
        WriteOptions,
    },
    fixture::{Source, call, key, source},
    status::Cause,
    timeline::version_of,
};
use futures::{FutureExt, StreamExt};

const DRY: WriteOptions = WriteOptions { dry_run: true, field_manager: String::new() };

fn wet() -> WriteOptions {
    WriteOptions::default()
}

fn named(name: &str) -> Call {
    call("GET", name, "")
}

fn suspended(name: &str) -> Source {
    let mut source = source(name);
    source.spec.suspend = Some(true);
    source
}

fn version(item: &Item<Source>) -> u64 {
    version_of(&**item).expect("a version").0
}

fn current(collection: &Collection<Source>) -> Version {
    collection.live.read().version()
}

/// Every change since a version, as clients are told.
async fn changes(collection: &Collection<Source>, from: Version) -> Vec<String> {
    let stream = collection.watch(&named(""), &Selection::default(), from).await.expect("in the window");
    let told = stream.map(|change| match change.expect("no refusal") {
        Change::Added(item) => format!("+{}@{}", Key::of(&*item).name, version(&item) - from.0),
        Change::Modified { after, .. } => format!("~{}@{}", Key::of(&*after).name, version(&after) - from.0),
        Change::Deleted(item) => format!("-{}@{}", Key::of(&*item).name, version(&item) - from.0),
        Change::Progress(version) => format!("={}", version.0 - from.0),
    });
    let mut told = Box::pin(told);
    let mut all = Vec::new();
    while let Some(Some(one)) = told.next().now_or_never() {
        all.push(one);
    }
    all
}

#[tokio::test]
async fn each_write_is_one_version_and_one_event_and_a_write_of_the_same_is_none() {
    let collection = Collection::new();
    let start = current(&collection);
    let first = collection.upsert(source("a"));
    collection.upsert(source("a"));
    collection.upsert(suspended("a"));
    collection.upsert(source("b"));
    collection.remove(&key("a"));
    assert_eq!(collection.remove(&key("a")).map(|item| version(&item)), None);
    assert_eq!(version(&first), start.0 + 1);
    assert_eq!(changes(&collection, start).await, ["+a@1", "~a@2", "+b@3", "-a@4", "=4"]);
}

#[tokio::test]
async fn a_replacement_tells_only_what_is_different() {
    let collection = Collection::new();
    for name in ["a", "b", "c"] {
        collection.upsert(source(name));
    }
    let start = current(&collection);
    collection.replace([source("a"), suspended("b"), source("d")]);
    assert_eq!(changes(&collection, start).await, ["~b@1", "+d@2", "-c@3", "=3"]);
}

#[test]
fn every_object_has_a_uid_and_keeps_it() {
    let collection = Collection::new();
    let mut anonymous = source("a");
    anonymous.metadata.uid = None;
    let first = collection.upsert(anonymous.clone());
    anonymous.spec.suspend = Some(true);
    let second = collection.upsert(anonymous);
    assert!(first.metadata.uid.as_ref().is_some_and(|uid| !uid.is_empty()));
    assert_eq!(first.metadata.uid, second.metadata.uid);
    assert_eq!(first.metadata.creation_timestamp, second.metadata.creation_timestamp);
    assert!(first.metadata.creation_timestamp.is_some());
}

#[tokio::test]
async fn a_name_is_given_once() {
    let collection = Collection::new();
    let made = collection.create(&named(""), source("a"), &wet()).await.expect("free");
    assert_eq!(version(&made), current(&collection).0);
    let again = collection.create(&named(""), source("a"), &wet()).await.expect_err("taken");
    assert_eq!((again.code().as_u16(), again.reason()), (409, "AlreadyExists"));
    let dry = collection.create(&named(""), source("a"), &DRY).await.expect_err("taken");
    assert_eq!(dry.reason(), "AlreadyExists");
}

#[tokio::test]
async fn who_has_not_seen_the_newest_state_conflicts() {
    let collection = Collection::new();
    let seen = collection.upsert(source("a"));
    let updated = collection.update(&named("a"), &seen, suspended("a"), &wet()).await.expect("as seen");
    assert_eq!(version(&updated), version(&seen) + 1);
    for refused in [
        collection.update(&named("a"), &seen, source("a"), &wet()).await.expect_err("stale"),
        collection.update(&named("a"), &seen, source("a"), &DRY).await.expect_err("stale"),
        collection.delete(&named("a"), &seen, &DeleteOptions::default()).await.expect_err("stale"),
    ] {
        assert_eq!((refused.code().as_u16(), refused.reason()), (409, "Conflict"));
        let words = r#"Operation cannot be fulfilled on sources.sub.example.com "a": the object has been modified; please apply your changes to the latest version and try again"#;
        assert_eq!(refused.message(), words);
    }
    assert_eq!(collection.object(&key("a")).expect("kept").spec.suspend, Some(true));
}

#[tokio::test]
async fn an_update_of_nothing_keeps_its_version() {
    let collection = Collection::new();
    let seen = collection.upsert(source("a"));
    let updated = collection.update(&named("a"), &seen, Source::clone(&seen), &wet()).await.expect("as seen");
    assert_eq!((version(&updated), current(&collection).0), (version(&seen), version(&seen)));
}

#[tokio::test]
async fn a_dry_run_keeps_nothing() {
    let collection = Collection::new();
    let seen = collection.upsert(source("a"));
    let start = current(&collection);
    let made = collection.create(&named(""), source("b"), &DRY).await.expect("free");
    let updated = collection.update(&named("a"), &seen, suspended("a"), &DRY).await.expect("as seen");
    let options = DeleteOptions { dry_run: true, ..DeleteOptions::default() };
    let deleted = collection.delete(&named("a"), &seen, &options).await.expect("as seen");
    assert_eq!((made.metadata.resource_version.as_ref(), version(&updated)), (None, version(&seen)));
    assert_eq!(updated.spec.suspend, Some(true));
    assert!(matches!(deleted, Deleted::Gone(item) if version(&item) == version(&seen)));
    assert_eq!(changes(&collection, start).await, Vec::<String>::new());
}

/// Sets a default, keeps an annotation, and refuses in two places at once.
struct Picky;

impl Strategy<Source> for Picky {
    fn prepare(&self, source: &mut Source, before: Option<&Source>) {
        source.spec.suspend.get_or_insert(false);
        source.metadata.annotations = before.and_then(|before| before.metadata.annotations.clone());
    }

    fn violations(&self, source: &Source, before: Option<&Source>) -> Vec<Cause> {
        let cause = |field: &str| Cause {
            reason: "FieldValueInvalid",
            message: "Invalid value: no".to_owned(),
            field: field.to_owned(),
        };
        let resumed = before.is_some_and(|before| before.spec.suspend > source.spec.suspend);
        if resumed { vec![cause("suspend"), cause("metadata.name")] } else { Vec::new() }
    }
}

#[tokio::test]
async fn a_strategy_prepares_then_refuses_with_every_reason() {
    let collection = Collection::new().checked(Picky);
    let made = collection.create(&named(""), source("a"), &wet()).await.expect("fine");
    assert_eq!(made.spec.suspend, Some(false));
    let made = collection.update(&named("a"), &made, suspended("a"), &wet()).await.expect("fine");
    let refused = collection.update(&named("a"), &made, source("a"), &wet()).await.expect_err("resumed");
    assert_eq!(refused.code().as_u16(), 422);
    assert_eq!(
        refused.message(),
        r#"Source.sub.example.com "a" is invalid: [suspend: Invalid value: no, metadata.name: Invalid value: no]"#
    );
    let causes = &refused.details().expect("details").causes;
    assert_eq!(causes.len(), 2);
}

#[tokio::test]
async fn an_object_with_finalizers_goes_when_the_last_is_taken_off() {
    let collection = Collection::new();
    let mut held = source("a");
    held.metadata.finalizers = Some(vec!["example.com/hold".to_owned()]);
    let held = collection.upsert(held);
    let start = current(&collection);
    let options = DeleteOptions::default();
    let going = collection.delete(&named("a"), &held, &options).await.expect("as seen");
    let Deleted::Going(going) = going else { panic!("{going:?}") };
    assert!(going.metadata.deletion_timestamp.is_some());
    assert_eq!(going.metadata.deletion_grace_period_seconds, Some(0));
    let again = collection.delete(&named("a"), &going, &options).await.expect("as seen");
    assert!(matches!(again, Deleted::Going(item) if version(&item) == version(&going)));
    let mut free = Source::clone(&going);
    free.metadata.finalizers = Some(Vec::new());
    let gone = collection.update(&named("a"), &going, free, &wet()).await.expect("as seen");
    assert_eq!(version(&gone), start.0 + 2);
    assert_eq!(changes(&collection, start).await, ["~a@1", "-a@2", "=2"]);
}

#[tokio::test]
async fn owned_objects_are_left_to_the_garbage_collector() {
    for (policy, finalizers) in
        [("Orphan", &["orphan"][..]), ("Foreground", &["foregroundDeletion"]), ("Background", &[])]
    {
        let collection = Collection::new();
        let seen = collection.upsert(source("a"));
        let options =
            DeleteOptions { propagation_policy: Some(policy.to_owned()), ..DeleteOptions::default() };
        let deleted = collection.delete(&named("a"), &seen, &options).await.expect("as seen");
        let kept = collection.object(&key("a"));
        let held = kept.and_then(|kept| kept.metadata.finalizers.clone()).unwrap_or_default();
        assert_eq!(held, finalizers, "{policy}");
        assert_eq!(matches!(deleted, Deleted::Gone(_)), finalizers.is_empty(), "{policy}");
    }
}

#[tokio::test]
async fn versions_of_other_lives_and_replicas_are_expired() {
    let collection = Collection::<Source>::new();
    let current = current(&collection);
    for strange in [Version(7), Version(current.0 - 1), Version(current.0 + 1)] {
        let exact = collection.list(&named(""), &Selection::default(), At::Exactly(strange)).await;
        let watched = collection.watch(&named(""), &Selection::default(), strange).await.err();
        assert_eq!(exact.expect_err("unknown").reason(), "Expired", "{strange}");
        assert_eq!(watched.expect("unknown").reason(), "Expired", "{strange}");
    }
    let ahead = call("GET", "a", &format!("resourceVersion={}", current.0 + 1));
    assert_eq!(collection.get(&ahead, &key("a")).await.expect_err("unknown").reason(), "Expired");
}

#[test]
fn a_later_life_begins_above_the_writes_of_an_earlier_one() {
    let mut state = State::new(Version(1_000_000), 10);
    let early = state.upsert(source("a"), Timestamp::UNIX_EPOCH);
    let late = State::<Source>::new(Version(2_000_000), 10);
    assert_eq!(version(&early), 1_000_001);
    assert!(late.timeline.number_after(Version(1_000_001)).is_err());
}
