//! Views under random histories: cut anywhere, resumed anywhere, nothing is lost.
use super::*;
use crate::fixture::{Source, key, source};
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
    let mut changes = view.0.changes_after(Version(12)).unwrap();
    for version in 11..14 {
        view.apply(Version(version), &key("a"), vec![source("a")]);
    }
    let first = changes.next().await.unwrap().unwrap();
    let crate::api::Change::Modified { after, .. } = first else { panic!("{first:?}") };
    assert_eq!(after.metadata.resource_version.as_deref(), Some("13"));
}
