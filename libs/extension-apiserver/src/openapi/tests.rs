//! The index, the documents, and what kubectl needs in them.
use crate::fixture::Fixture;
use serde_json::{Value, json};

async fn document(fixture: &Fixture) -> (String, Value) {
    let index = fixture.get("/openapi/v3").await.json();
    let paths = index["paths"].as_object().unwrap();
    assert_eq!(paths.keys().collect::<Vec<_>>(), ["apis/sub.example.com/v1alpha1"]);
    let url = paths["apis/sub.example.com/v1alpha1"]["serverRelativeURL"].as_str().unwrap().to_owned();
    let answer = fixture.get(&url).await;
    assert_eq!(answer.status, 200);
    (url, answer.json())
}

#[tokio::test]
async fn explain_finds_kind_path_and_fields() {
    let (_, document) = document(&Fixture::new()).await;
    let gvk = json!({"group": "sub.example.com", "version": "v1alpha1", "kind": "Revision"});
    let root = "/apis/sub.example.com/v1alpha1";
    let get = &document["paths"][format!("{root}/namespaces/{{namespace}}/revisions/{{name}}")]["get"];
    assert_eq!(get["x-kubernetes-group-version-kind"], gvk);
    assert_eq!(get["x-kubernetes-action"], "get");
    let list = &document["paths"][format!("{root}/revisions")]["get"];
    assert_eq!(
        (&list["x-kubernetes-action"], &list["x-kubernetes-group-version-kind"]),
        (&"list".into(), &gvk)
    );

    let schema = &document["components"]["schemas"]["com.example.sub.v1alpha1.Revision"];
    assert_eq!(schema["x-kubernetes-group-version-kind"], json!([gvk]));
    assert_eq!(schema["x-kubernetes-selectable-fields"], json!([{"fieldPath": "source"}]));
    assert_eq!(
        schema["properties"]["source"],
        json!({"type": "string", "description": "The source's name."})
    );
    let packing = &schema["properties"]["packing"];
    assert_eq!(packing["enum"], json!(["Plain", "Archive"]));
    assert_eq!(schema["properties"]["apiVersion"]["type"], "string");
    let metadata = "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
    assert_eq!(schema["properties"]["metadata"]["allOf"], json!([{"$ref": metadata}]));
}

#[tokio::test]
async fn every_reference_leads_somewhere_and_nothing_is_nullable() {
    let (_, document) = document(&Fixture::new()).await;
    let text = document.to_string();
    assert!(!text.contains("nullable"), "{text}");
    for reference in text.split(r#""$ref":"#).skip(1) {
        let name = reference.split('"').nth(1).unwrap().strip_prefix("#/components/schemas/").unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
}

#[tokio::test]
async fn raw_subresources_are_described_as_bytes_with_their_parameters() {
    let (_, document) = document(&Fixture::new()).await;
    let path = "/apis/sub.example.com/v1alpha1/namespaces/{namespace}/sources/{name}/content";
    let get = &document["paths"][path]["get"];
    assert_eq!(get["responses"]["200"]["content"], json!({"*/*": {"schema": {"type": "string"}}}));
    let parameter = &get["parameters"][0];
    assert_eq!((&parameter["name"], &parameter["in"]), (&json!("path"), &json!("query")));
    assert_eq!(parameter["description"], "One file of the content.");
}

#[tokio::test]
async fn only_the_right_hash_may_be_kept_for_ever_and_none_redirects() {
    let fixture = Fixture::new();
    let (url, current) = document(&fixture).await;
    let right = fixture.get(&url).await;
    assert_eq!(right.header("cache-control"), "public, immutable");
    assert!(right.header("expires").ends_with(" GMT"));
    let (path, hash) = url.split_once("?hash=").unwrap();
    assert_eq!(right.header("etag"), format!("\"{hash}\""));
    for stale in [path.to_owned(), format!("{path}?hash=stale")] {
        let answer = fixture.get(&stale).await;
        assert_eq!((answer.status, answer.header("cache-control")), (200, "no-cache, private"), "{stale}");
        assert_eq!(answer.json(), current);
    }
}

#[tokio::test]
async fn other_encodings_are_refused_and_other_documents_unknown() {
    let fixture = Fixture::new();
    let protobuf = "application/com.github.proto-openapi.spec.v3.v1.0+protobuf";
    assert_eq!(fixture.get_as(protobuf, "/openapi/v3/apis/sub.example.com/v1alpha1").await.status, 406);
    let both = format!("{protobuf},application/json");
    assert_eq!(fixture.get_as(&both, "/openapi/v3/apis/sub.example.com/v1alpha1").await.status, 200);
    assert_eq!(fixture.get("/openapi/v3/apis/other.example.com/v1").await.status, 404);
}
