//! Both forms of discovery, for each way of asking.
use crate::fixture::{Fixture, ROOT};
use http::Method;

const V2: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

#[tokio::test]
async fn the_aggregated_document_names_every_kind() {
    let answer = Fixture::new().get_as(V2, "/apis").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), V2);
    assert_eq!((answer.header("vary"), answer.header("cache-control")), ("Accept", "public"));
    let document = answer.json();
    assert_eq!(document["kind"], "APIGroupDiscoveryList");
    assert_eq!(document["apiVersion"], "apidiscovery.k8s.io/v2");
    let version = &document["items"][0]["versions"][0];
    assert_eq!(document["items"][0]["metadata"]["name"], "sub.example.com");
    assert_eq!((&version["version"], &version["freshness"]), (&"v1alpha1".into(), &"Current".into()));
    let revision = serde_json::json!({"group": "sub.example.com", "version": "v1alpha1", "kind": "Revision"});
    let source = serde_json::json!({"group": "sub.example.com", "version": "v1alpha1", "kind": "Source"});
    assert_eq!(
        version["resources"],
        serde_json::json!([
            {
                "resource": "revisions", "responseKind": revision, "scope": "Namespaced",
                "singularResource": "revision", "verbs": ["get", "list", "watch"], "categories": ["example"],
            },
            {
                "resource": "sources", "responseKind": source, "scope": "Namespaced",
                "singularResource": "source", "verbs": ["get", "list", "watch"], "shortNames": ["srcview"],
                "subresources": [
                    {"subresource": "revision", "responseKind": revision, "verbs": ["get"]},
                    {"subresource": "content", "responseKind": source, "verbs": ["get"]},
                ],
            },
        ])
    );
}

#[tokio::test]
async fn the_legacy_documents_say_the_same() {
    let fixture = Fixture::new();
    let groups = fixture.get("/apis").await;
    assert_eq!(groups.header("content-type"), "application/json");
    assert_eq!((groups.header("etag"), groups.header("vary")), ("", "Accept"));
    let version = serde_json::json!({"groupVersion": "sub.example.com/v1alpha1", "version": "v1alpha1"});
    let group =
        serde_json::json!({"name": "sub.example.com", "versions": [version], "preferredVersion": version});
    assert_eq!(
        groups.json(),
        serde_json::json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": [group]})
    );
    assert_eq!(fixture.get("/apis/sub.example.com").await.json()["preferredVersion"], version);

    let resources = fixture.get(ROOT).await.json();
    assert_eq!(resources["groupVersion"], "sub.example.com/v1alpha1");
    let names: Vec<_> =
        resources["resources"].as_array().unwrap().iter().map(|r| r["name"].clone()).collect();
    assert_eq!(names, ["revisions", "sources", "sources/revision", "sources/content"]);
    assert_eq!(
        resources["resources"][2],
        serde_json::json!({
            "name": "sources/revision", "singularName": "", "namespaced": true, "kind": "Revision", "verbs": ["get"],
        })
    );
}

#[tokio::test]
async fn a_client_that_has_the_document_is_told_so_at_apis_only() {
    let fixture = Fixture::new();
    let etag = fixture.get_as(V2, "/apis").await.header("etag").to_owned();
    assert_eq!(etag.len(), 130);
    let known = [("accept", V2), ("if-none-match", etag.as_str())];
    let again = fixture.send(Method::GET, "/apis", &known).await;
    assert_eq!((again.status, again.header("etag"), again.body.len()), (304, etag.as_str(), 0));
    assert_eq!(again.header("vary"), "Accept");
    assert_eq!(fixture.send(Method::GET, ROOT, &known[1..]).await.status, 200);
    assert_eq!(fixture.send(Method::GET, "/apis", &known[1..]).await.status, 200);
}
