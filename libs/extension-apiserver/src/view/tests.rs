//! Views under random histories: cut anywhere, resumed anywhere, nothing is lost.
use super::*;
use crate::{
    api::Change,
    fixture::{Source, call, key, source},
};
use futures::StreamExt;

#[test]
fn a_mirrored_view_keeps_the_versions_of_its_originals() {
    let view = View::<Source>::mirrored();
    assert!(!view.is_ready());
    let mut original = source("a");
    original.metadata.resource_version = Some("7".to_owned());
    view.replace(Version(9), [(key("a"), vec![original])]);
    assert_eq!(view.object(&key("a")).unwrap().metadata.resource_version.as_deref(), Some("7"));
    assert_eq!(view.version(), Some(Version(9)));
    view.apply(Version(12), &key("a"), vec![source("a")]);
    assert_eq!(view.object(&key("a")).unwrap().metadata.resource_version.as_deref(), Some("12"));
}

#[tokio::test]
async fn a_client_that_was_ahead_is_not_told_again() {
    let view = View::<Source>::mirrored();
    view.replace(Version(9), []);
    let mut changes = view.live.changes_after(Version(12)).unwrap();
    for version in 11..14 {
        view.apply(Version(version), &key("a"), vec![source("a")]);
    }
    let first = changes.next().await.unwrap().unwrap();
    let Change::Modified { after, .. } = first else { panic!("{first:?}") };
    assert_eq!(after.metadata.resource_version.as_deref(), Some("13"));
}

/// A view that was started at version 9, whose past holds `a` at version 5 and nothing at or before version 3.
fn restarted() -> View<Source> {
    let view = View::<Source>::mirrored().rebuilt_by(|version| {
        let listed = match version.0 {
            0..=3 => Err(Status::expired("compacted")),
            _ => Ok(vec![(key("a"), vec![at(5, source("a"))])]),
        };
        Box::pin(async { listed })
    });
    view.replace(Version(9), [(key("b"), vec![at(8, source("b"))])]);
    view
}

fn at(version: u64, mut source: Source) -> Source {
    source.metadata.resource_version = Some(version.to_string());
    source
}

#[tokio::test]
async fn a_watch_from_before_the_restart_is_told_what_it_missed_and_goes_on() {
    let view = restarted();
    let call = call("GET", "", "");
    let mut changes = view.watch(&call, &Selection::default(), Version(6)).await.expect("rebuilt");
    view.apply(Version(10), &key("c"), vec![source("c")]);
    let mut told = Vec::new();
    while told.len() < 3 {
        let (sign, item) = match changes.next().await.expect("a change").expect("no refusal") {
            Change::Added(item) => ('+', item),
            Change::Modified { after, .. } => ('~', after),
            Change::Deleted(item) => ('-', item),
            Change::Progress(_) => continue,
        };
        let version = item.metadata.resource_version.clone().unwrap_or_default();
        told.push(format!("{sign}{}@{version}", Key::of(&*item).name));
    }
    assert_eq!(told, ["-a@6", "+b@9", "+c@10"]);
    let compacted = view.watch(&call, &Selection::default(), Version(3)).await.err();
    assert_eq!(compacted.map(|status| status.reason()), Some("Expired"));
}

#[tokio::test]
async fn a_list_of_before_the_restart_is_made_anew() {
    let call = call("GET", "", "");
    let listed =
        restarted().list(&call, &Selection::default(), At::Exactly(Version(6))).await.expect("rebuilt");
    let names: Vec<_> = listed.items.iter().map(|item| Key::of(&**item).name).collect();
    assert_eq!((listed.version, names), (Version(6), vec!["a".to_owned()]));
    let compacted = restarted().list(&call, &Selection::default(), At::Exactly(Version(3))).await.err();
    assert_eq!(compacted.map(|status| status.reason()), Some("Expired"));
}
