//! Lists: versions, selectors, pages.
use super::{TABLE, at, filled};
use crate::{
    fixture::{Answer, Fixture, ROOT, key, revision},
    object::Version,
};
use serde_json::json;

fn names(answer: &Answer) -> Vec<String> {
    let list = answer.json();
    let items = list["items"].as_array().expect("items");
    items.iter().map(|item| item["metadata"]["name"].as_str().unwrap().to_owned()).collect()
}

fn token(answer: &Answer) -> String {
    answer.json()["metadata"]["continue"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_list_is_sorted_and_says_where_a_watch_goes_on() {
    let answer = filled().get(&format!("{ROOT}/revisions")).await;
    assert_eq!(names(&answer), ["a", "b"]);
    let list = answer.json();
    assert_eq!(
        (&list["kind"], &list["metadata"]),
        (&json!("RevisionList"), &json!({"resourceVersion": "7167"}))
    );
}

#[tokio::test]
async fn an_empty_list_has_items_all_the_same() {
    let fixture = Fixture::new();
    for (accept, items) in [
        ("application/json", "items"),
        ("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1", "items"),
        (TABLE, "rows"),
    ] {
        let list = fixture.get_as(accept, &at("revisions")).await.json();
        assert_eq!(list[items], json!([]), "{accept}");
    }
}

#[tokio::test]
async fn selectors_and_namespaces_narrow_a_list() {
    let fixture = filled();
    let table = [
        ("namespaces/team-b/revisions", vec![]),
        ("revisions?fieldSelector=metadata.name=b", vec!["b"]),
        ("revisions?fieldSelector=source!=podinfo", vec![]),
        ("revisions?fieldSelector=source=podinfo,metadata.namespace=team-a", vec!["a", "b"]),
        ("revisions?labelSelector=source+in+(podinfo,other)", vec!["a", "b"]),
        ("revisions?labelSelector=!source", vec![]),
    ];
    for (path, expected) in table {
        assert_eq!(names(&fixture.get(&format!("{ROOT}/{path}")).await), expected, "{path}");
    }
    assert_eq!(fixture.get(&at("revisions?fieldSelector=size=7")).await.status, 400);
    assert_eq!(fixture.get(&at("revisions?labelSelector=a+in+b")).await.status, 400);
}

#[tokio::test]
async fn pages_show_one_state_whatever_happens_between_them() {
    let fixture = filled();
    fixture.revisions.apply(Version(7), &key("c"), vec![revision("c", "podinfo")]);
    let first = fixture.get(&at("revisions?limit=1")).await;
    assert_eq!(names(&first), ["a"]);
    assert_eq!(first.json()["metadata"]["remainingItemCount"], 2);
    fixture.revisions.remove(Version(8), &key("b"));
    fixture.revisions.apply(Version(9), &key("bb"), vec![revision("bb", "podinfo")]);
    let second = fixture.get(&at(&format!("revisions?limit=1&continue={}", token(&first)))).await;
    assert_eq!(names(&second), ["b"]);
    assert_eq!(second.json()["metadata"]["resourceVersion"], first.json()["metadata"]["resourceVersion"]);
    assert_eq!(second.json()["items"][0]["metadata"]["resourceVersion"], "5120");
    let third = fixture.get(&at(&format!("revisions?limit=1&continue={}", token(&second)))).await;
    assert_eq!((names(&third), token(&third)), (vec!["c".to_owned()], String::new()));
}

#[tokio::test]
async fn a_page_whose_state_is_forgotten_says_how_to_get_the_rest_from_another_state() {
    let fixture = filled();
    let first = fixture.get(&at("revisions?limit=1")).await;
    let objects = ["b", "c"].map(|name| (key(name), vec![revision(name, "podinfo")]));
    fixture.revisions.replace(Version(20), objects);
    let next = fixture.get(&at(&format!("revisions?limit=1&continue={}", token(&first)))).await;
    assert_eq!((next.status, next.json()["reason"].as_str()), (410, Some("Expired")));
    let rest = fixture.get(&at(&format!("revisions?limit=1&continue={}", token(&next)))).await;
    assert_eq!((rest.status, names(&rest)), (200, vec!["b".to_owned()]));
    let last = fixture.get(&at(&format!("revisions?limit=1&continue={}", token(&rest)))).await;
    assert_eq!(names(&last), ["c"]);
    assert_eq!(last.json()["metadata"]["resourceVersion"], rest.json()["metadata"]["resourceVersion"]);
    assert_eq!(fixture.get(&at("revisions?continue=forged")).await.status, 400);
}

#[tokio::test]
async fn versions_mean_what_they_mean_in_kubernetes() {
    let fixture = filled();
    let table = [
        ("resourceVersion=0", 200, 2),
        ("resourceVersion=5120&resourceVersionMatch=NotOlderThan", 200, 2),
        ("resourceVersion=6143&resourceVersionMatch=Exact", 200, 1),
        ("resourceVersion=5120&limit=5", 200, 1),
        ("resourceVersion=5", 200, 2),
        ("resourceVersion=5&resourceVersionMatch=Exact", 410, 0),
    ];
    for (query, code, count) in table {
        let answer = fixture.get(&at(&format!("revisions?{query}"))).await;
        assert_eq!(answer.status, code, "{query}");
        if code == 200 {
            assert_eq!(names(&answer).len(), count, "{query}");
        }
    }
}

#[tokio::test]
async fn a_version_of_the_future_is_waited_for_then_refused() {
    let fixture = filled();
    let refused = fixture.get(&at("revisions?resourceVersion=999999")).await;
    assert_eq!((refused.status, refused.header("retry-after")), (504, "1"));
    let status = refused.json();
    assert_eq!(status["message"], "Timeout: Too large resource version: 999999, current: 7167");
    assert_eq!(status["details"]["causes"][0]["reason"], "ResourceVersionTooLarge");

    let revisions = fixture.revisions.clone();
    tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        revisions.advance(Version(8));
    });
    assert_eq!(fixture.get(&at("revisions/a?resourceVersion=8200")).await.status, 200);
}
