//! Watches: framing, initial events, bookmarks, selectors, ends.
use super::{TABLE, at, filled};
use crate::{
    fixture::{Answer, Fixture, ROOT, key, revision},
    object::Version,
    serve::empty,
};
use http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::time::Duration;

fn summary(answer: &Answer) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let events = answer.events().into_iter();
    events
        .map(|event| {
            let metadata = &event["object"]["metadata"];
            (text(&event["type"]), text(&metadata["name"]), text(&metadata["resourceVersion"]))
        })
        .collect()
}

fn event(kind: &str, name: &str, version: &str) -> (String, String, String) {
    (kind.to_owned(), name.to_owned(), version.to_owned())
}

#[tokio::test]
async fn a_watch_goes_on_from_any_version_in_the_window() {
    let fixture = filled();
    fixture.revisions.remove(Version(7), &key("a"));
    let whole = fixture.get(&at("revisions?watch=1&resourceVersion=2047&timeoutSeconds=1")).await;
    assert_eq!(whole.header("content-type"), "application/json");
    assert_eq!(
        summary(&whole),
        [event("ADDED", "b", "5120"), event("ADDED", "a", "6144"), event("DELETED", "a", "7168")]
    );
    assert!(whole.text().ends_with("}\n"));
    let rest = fixture.get(&at("revisions?watch=1&resourceVersion=6144&timeoutSeconds=1")).await;
    assert_eq!(summary(&rest), [event("DELETED", "a", "7168")]);
}

#[tokio::test]
async fn informers_get_everything_then_the_end_bookmark_then_changes() {
    let fixture = filled();
    let revisions = fixture.revisions.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(200)).await;
        revisions.apply(Version(8), &key("c"), vec![revision("c", "podinfo")]);
    });
    let path = "revisions?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=1";
    let answer = fixture.get(&at(path)).await;
    assert_eq!(
        summary(&answer),
        [
            event("ADDED", "a", "6144"),
            event("ADDED", "b", "5120"),
            event("BOOKMARK", "", "7167"),
            event("ADDED", "c", "8192"),
        ]
    );
    let bookmark = &answer.events()[2]["object"];
    assert_eq!(
        (&bookmark["kind"], &bookmark["apiVersion"]),
        (&json!("Revision"), &json!("sub.example.com/v1alpha1"))
    );
    assert_eq!(bookmark["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
}

#[tokio::test]
async fn a_watch_from_nowhere_begins_with_synthetic_events() {
    let fixture = filled();
    for query in ["watch=1&timeoutSeconds=1", "watch=1&resourceVersion=0&timeoutSeconds=1"] {
        let answer = fixture.get(&at(&format!("revisions?{query}"))).await;
        assert_eq!(summary(&answer), [event("ADDED", "a", "6144"), event("ADDED", "b", "5120")], "{query}");
    }
    let quiet =
        "revisions?watch=1&sendInitialEvents=false&resourceVersionMatch=NotOlderThan&timeoutSeconds=1";
    assert_eq!(summary(&fixture.get(&at(quiet)).await), []);
}

#[tokio::test]
async fn an_object_that_leaves_or_enters_the_selection_is_deleted_or_added() {
    let fixture = filled();
    fixture.revisions.apply(Version(7), &key("a"), vec![revision("a", "other")]);
    fixture.revisions.apply(Version(8), &key("a"), vec![revision("a", "podinfo")]);
    let path = at("revisions?watch=1&resourceVersion=6144&timeoutSeconds=1&fieldSelector=source=podinfo");
    let answer = fixture.get(&path).await;
    assert_eq!(summary(&answer), [event("DELETED", "a", "7168"), event("ADDED", "a", "8192")]);
    assert_eq!(answer.events()[0]["object"]["source"], "podinfo");
    let elsewhere =
        format!("{ROOT}/namespaces/team-b/revisions?watch=1&resourceVersion=6144&timeoutSeconds=1");
    assert_eq!(fixture.get(&elsewhere).await.text(), "");
}

#[tokio::test]
async fn tables_carry_their_columns_once() {
    let path = at("revisions?watch=1&timeoutSeconds=1");
    let events = filled().get_as(TABLE, &path).await.events();
    assert_eq!(events.len(), 2);
    assert!(events.iter().all(|event| event["object"]["kind"] == "Table"));
    assert_eq!(events[0]["object"]["columnDefinitions"].as_array().unwrap().len(), 3);
    assert_eq!(events[1]["object"]["columnDefinitions"], Value::Null);
    assert_eq!(events[1]["object"]["rows"][0]["cells"][0], "b");
}

#[tokio::test]
async fn a_version_outside_the_window_is_an_error_event() {
    let answer = filled().get(&at("revisions?watch=1&resourceVersion=9&timeoutSeconds=1")).await;
    assert_eq!(answer.status, 200);
    let events = answer.events();
    assert_eq!((events.len(), &events[0]["type"]), (1, &json!("ERROR")));
    let status = &events[0]["object"];
    assert_eq!(
        (&status["kind"], &status["code"], &status["reason"]),
        (&json!("Status"), &json!(410), &json!("Expired"))
    );
}

#[tokio::test]
async fn an_open_watch_ends_when_the_view_starts_anew() {
    let fixture = filled();
    let revisions = fixture.revisions.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(200)).await;
        revisions.replace(Version(30), []);
    });
    let events = fixture.get(&at("revisions?watch=1&resourceVersion=7167&timeoutSeconds=60")).await.events();
    assert_eq!((events.len(), &events[0]["object"]["reason"]), (1, &json!("Expired")));
}

#[tokio::test]
async fn each_event_is_sent_as_it_happens() {
    let fixture = filled();
    let path = at("revisions?watch=1&resourceVersion=7167&timeoutSeconds=60");
    let response = fixture.server.handle(Request::get(path).body(empty()).unwrap()).await;
    assert_eq!(response.status(), 200);
    let mut body = response.into_body();
    for version in [8, 9] {
        let name = format!("r{version}");
        fixture.revisions.apply(Version(version), &key(&name), vec![revision(&name, "podinfo")]);
        let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
        let event: Value = serde_json::from_slice(&frame).unwrap();
        assert_eq!(event["object"]["metadata"]["name"], name);
    }
}

#[tokio::test]
async fn a_reader_that_is_too_slow_is_ended_instead_of_buffered_for() {
    let fixture = Fixture::new();
    let _small = fixture.revisions.clone().with_window(4);
    let path = at("revisions?watch=1&resourceVersion=2047&timeoutSeconds=60");
    let response = fixture.server.handle(Request::get(path).body(empty()).unwrap()).await;
    for version in 5..15 {
        let name = format!("r{version}");
        fixture.revisions.apply(Version(version), &key(&name), vec![revision(&name, "podinfo")]);
    }
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let event: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!((&event["type"], &event["object"]["code"]), (&json!("ERROR"), &json!(410)));
}
