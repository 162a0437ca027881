//! Which list and watch options go together, and what the others are answered.
use super::*;

fn options(query: &str) -> Result<ListOptions, Status> {
    ListOptions::parse(&Query::parse(query), &["source"])
}

#[test]
fn pairs_are_decoded_and_broken_ones_left_out() {
    let query = Query::parse("a=1&b=x+y%3Dz&&c&broken=%zz&d=%C3%A4&a=2");
    assert_eq!(query.get("a"), Some("1"));
    assert_eq!(query.get("b"), Some("x y=z"));
    assert_eq!(query.get("c"), Some(""));
    assert_eq!(query.get("broken"), None);
    assert_eq!(query.get("d"), Some("ä"));
}

#[test]
fn options_that_exclude_each_other_are_named_in_a_422() {
    let needs_version = "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided";
    let with_continue =
        "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden when continue is provided";
    let needs_initial = "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
    let needs_match = "resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
    let table = [
        ("resourceVersionMatch=Exact", needs_version.to_owned()),
        ("resourceVersionMatch=Exact&resourceVersion=1&continue=x", with_continue.to_owned()),
        (
            "resourceVersionMatch=Exact&resourceVersion=0",
            r#"resourceVersionMatch: Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0""#.to_owned(),
        ),
        (
            "resourceVersionMatch=Sometimes&resourceVersion=1",
            r#"resourceVersionMatch: Unsupported value: "Sometimes": supported values: "Exact", "NotOlderThan", """#.to_owned(),
        ),
        ("sendInitialEvents=true", "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list".to_owned()),
        ("watch=1&sendInitialEvents=true", needs_match.to_owned()),
        ("watch=1&sendInitialEvents=false&resourceVersion=3", needs_match.to_owned()),
        ("watch=1&resourceVersionMatch=NotOlderThan&resourceVersion=1", needs_initial.to_owned()),
        (
            "watch=1&resourceVersionMatch=Exact&resourceVersion=1&continue=x",
            format!(
                r#"[{needs_initial}, resourceVersionMatch: Unsupported value: "Exact": supported values: "NotOlderThan", {with_continue}]"#
            ),
        ),
    ];
    for (query, words) in table {
        let refused = options(query).unwrap_err();
        assert_eq!(refused.code().as_u16(), 422, "{query}");
        assert_eq!(
            refused.message(),
            format!(r#"ListOptions.meta.k8s.io "" is invalid: {words}"#),
            "{query}"
        );
        assert_eq!(refused.details().unwrap().kind, "ListOptions");
    }
}

#[test]
fn options_that_cannot_be_read_are_a_400() {
    for query in [
        "limit=x",
        "timeoutSeconds=1.5",
        "resourceVersion=abc",
        "resourceVersion=-1",
        "resourceVersion=%2B1",
        "labelSelector=a in b",
        "fieldSelector=spec.unknown=1",
        "fieldSelector=nothing",
    ] {
        assert_eq!(options(query).unwrap_err().code().as_u16(), 400, "{query}");
    }
}

#[test]
fn every_usual_combination_is_taken() {
    for query in [
        "",
        "limit=500",
        "limit=-1&resourceVersion=0",
        "resourceVersion=5&resourceVersionMatch=Exact",
        "resourceVersion=0&resourceVersionMatch=NotOlderThan",
        "continue=x&limit=500",
        "watch=1&resourceVersion=5&allowWatchBookmarks=true&timeoutSeconds=300",
        "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true",
        "fieldSelector=source=a,metadata.namespace=b&labelSelector=a in (b),!c",
    ] {
        options(query).unwrap_or_else(|status| panic!("{query}: {status}"));
    }
}

#[test]
fn a_watch_from_nowhere_begins_with_everything() {
    for query in ["watch=1", "watch=1&resourceVersion=0"] {
        let options = options(query).unwrap();
        assert_eq!(options.send_initial_events, Some(true), "{query}");
        assert_eq!(options.version_match, Some(VersionMatch::NotOlderThan), "{query}");
    }
    assert_eq!(options("watch=1&resourceVersion=7").unwrap().send_initial_events, None);
}
