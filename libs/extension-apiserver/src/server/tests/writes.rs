//! Writes through the whole server, to a collection: answers and refusals as Go has them.
mod attacks;
mod contention;
mod status;

use crate::{
    access::{Authenticate, Authorize},
    collection::Collection,
    fixture::Answer,
    namespaces::{Namespaces, Phase},
    object::Object,
    server::{Builder, Server},
    status::Status,
};
use futures::{
    FutureExt,
    future::{BoxFuture, ready},
};
use http::Request;
use http_body_util::BodyExt;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const LAMPS: &str = "/apis/lights.example.com/v1/namespaces/team-a/lamps";

/// What a lamp should be like.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[kube(group = "lights.example.com", version = "v1", kind = "Lamp", namespaced, status = "LampStatus")]
struct LampSpec {
    /// How bright it should be.
    lumens: i64,
}

/// What it is like.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
struct LampStatus {
    /// Whether it is lit.
    lit: bool,
}

impl Object for Lamp {}

/// Namespace `closing` is being deleted, `gone` does not exist.
struct Cluster;

impl Namespaces for Cluster {
    fn phase<'a>(&'a self, namespace: &'a str) -> BoxFuture<'a, Result<Phase, Status>> {
        let phase = match namespace {
            "closing" => Phase::Terminating,
            "gone" => Phase::Missing,
            _ => Phase::Active,
        };
        ready(Ok(phase)).boxed()
    }
}

fn server() -> Server {
    serving(Collection::new())
}

/// A builder for the access that the tests have.
fn builder() -> Builder<impl Authenticate, impl Authorize> {
    Server::builder()
        .authenticator(crate::fixture::authenticate)
        .authorizer(crate::fixture::authorize)
        .namespaces(Cluster)
}

fn serving(lamps: Collection<Lamp>) -> Server {
    builder()
        .resource(lamps, |lamp| {
            lamp.get().watch().create().update_or_create().patch().delete().delete_collection()
        })
        .build()
        .expect("a server")
}

async fn send(server: &Server, method: &str, path: &str, media: &str, body: impl Into<String>) -> Answer {
    let body = http_body_util::Full::new(bytes::Bytes::from(body.into()));
    let request = Request::builder().method(method).uri(path).header("content-type", media);
    let response = server.handle(request.body(body).expect("a request")).await;
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("a body").to_bytes().to_vec();
    Answer { status: parts.status.as_u16(), headers: parts.headers, body }
}

async fn put_json(server: &Server, method: &str, path: &str, body: &Value) -> Answer {
    send(server, method, path, "application/json", body.to_string()).await
}

fn lamp(name: &str, lumens: i64) -> Value {
    json!({"metadata": {"name": name}, "spec": {"lumens": lumens}})
}

fn said(answer: &Answer) -> (u16, String) {
    (answer.status, answer.json()["message"].as_str().unwrap_or_default().to_owned())
}

async fn lit() -> Server {
    let server = server();
    assert_eq!(put_json(&server, "POST", LAMPS, &lamp("desk", 400)).await.status, 201);
    server
}

#[tokio::test]
async fn a_new_object_gets_what_the_system_keeps() {
    let server = server();
    let mut body = lamp("desk", 400);
    body["metadata"]["uid"] = "mine".into();
    body["metadata"]["creationTimestamp"] = "2000-01-01T00:00:00Z".into();
    let created = put_json(&server, "POST", LAMPS, &body).await;
    assert_eq!(created.status, 201);
    let object = created.json();
    assert_eq!((&object["kind"], &object["spec"]), (&json!("Lamp"), &json!({"lumens": 400})));
    let meta = &object["metadata"];
    assert_eq!((&meta["generation"], &meta["namespace"]), (&json!(1), &json!("team-a")));
    assert_ne!((&meta["uid"], &meta["creationTimestamp"]), (&json!("mine"), &json!("2000-01-01T00:00:00Z")));
    assert_eq!(
        said(&put_json(&server, "POST", LAMPS, &body).await),
        (409, r#"lamps.lights.example.com "desk" already exists"#.to_owned())
    );
    let yaml = "metadata: {generateName: lamp-}\nspec:\n  lumens: 5\n";
    let named = send(&server, "POST", LAMPS, "application/yaml", yaml).await.json();
    assert_eq!(named["metadata"]["name"].as_str().map(str::len), Some("lamp-".len() + 5));
}

/// Each create (query, media type, body) is refused with that code and message.
async fn refuses(table: &[(&str, &str, &str, u16, &str)]) {
    let server = server();
    for (query, media, body, code, message) in table {
        let answer = send(&server, "POST", &format!("{LAMPS}{query}"), media, *body).await;
        assert_eq!(said(&answer), (*code, (*message).to_owned()));
    }
}

const JSON: &str = "application/json";

#[tokio::test]
async fn bodies_that_are_no_object_are_refused_in_the_words_of_go() {
    refuses(&[
        ("", "text/plain", "{}", 415, "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml"),
        ("", JSON, "", 400, "the object provided is unrecognized (must be of type Lamp): couldn't get version/kind; json parse error: unexpected end of JSON input (<empty>)"),
        ("", JSON, &" ".repeat((3 << 20) + 1), 413, "Request entity too large: limit is 3145728"),
        ("", JSON, r#"{"kind":"Pod","apiVersion":"v1"}"#, 400, r#"Pod in version "v1" cannot be handled as a Lamp: no kind "Pod" is registered for version "v1""#),
        ("", JSON, r#"{"kind":"Lamp","apiVersion":"lights.example.com/v9"}"#, 400, "the API version in the data (lights.example.com/v9) does not match the expected API version (lights.example.com/v1)"),
        ("", JSON, r#"{"spec":{"lumens":"bright"}}"#, 400, r#"Lamp in version "v1" cannot be handled as a Lamp: spec.lumens: invalid type: string "bright", expected i64"#),
        ("", JSON, r#"{"metadata":{"creationTimestamp":"noon"},"spec":{"lumens":1}}"#, 400, r#"Lamp in version "v1" cannot be handled as a Lamp: metadata.creationTimestamp: failed to parse four digit integer as year: invalid digit, expected 0-9 but got n"#),
    ])
    .await;
}

#[tokio::test]
async fn fields_and_options_that_do_not_hold_are_refused_in_the_words_of_go() {
    let unknown = r#"{"metadata":{"name":"x"},"spec":{"lumens":1,"foo":2,"lumens":3}}"#;
    refuses(&[
        ("?fieldValidation=Strict", JSON, unknown, 400, r#"Lamp in version "v1" cannot be handled as a Lamp: strict decoding error: unknown field "spec.foo", duplicate field "spec.lumens""#),
        ("?dryRun=Some", JSON, "{}", 422, r#"CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["Some"]: supported values: "All""#),
        ("?fieldValidation=X", JSON, "{}", 422, r#"CreateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: "X": supported values: "", "Ignore", "Strict", "Warn""#),
        ("", JSON, r#"{"spec":{"lumens":1}}"#, 422, r#"Lamp.lights.example.com "" is invalid: metadata.name: Required value: name or generateName is required"#),
        ("", JSON, r#"{"metadata":{"name":"x","namespace":"other"},"spec":{"lumens":1}}"#, 400, "the namespace of the provided object does not match the namespace sent on the request"),
    ])
    .await;
}

#[tokio::test]
async fn a_new_object_brings_no_version() {
    refuses(&[
        (
            "",
            JSON,
            r#"{"metadata":{"name":"x","resourceVersion":"7"},"spec":{"lumens":1}}"#,
            500,
            "resourceVersion should not be set on objects to be created",
        ),
        (
            "",
            JSON,
            r#"{"metadata":{"name":"x","resourceVersion":"abc"},"spec":{"lumens":1}}"#,
            400,
            r#"invalid resource version: resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": invalid syntax"#,
        ),
    ])
    .await;
}

#[tokio::test]
async fn unknown_and_repeated_fields_are_warned_of_by_default() {
    let server = server();
    let body = r#"{"metadata":{"name":"x","colour":1},"spec":{"lumens":1,"lumens":3}}"#;
    let answer = send(&server, "POST", LAMPS, "application/json", body).await;
    let warnings: Vec<_> =
        answer.headers.get_all("warning").iter().map(|value| value.to_str().unwrap()).collect();
    assert_eq!(
        warnings,
        [r#"299 - "unknown field \"metadata.colour\"""#, r#"299 - "duplicate field \"spec.lumens\"""#]
    );
    assert_eq!(answer.json()["spec"]["lumens"], 3);
}

#[tokio::test]
async fn nothing_is_created_in_a_namespace_that_goes_or_is_gone() {
    let server = server();
    let closing = put_json(&server, "POST", &LAMPS.replace("team-a", "closing"), &lamp("desk", 1)).await;
    assert_eq!(
        said(&closing),
        (403, r#"lamps.lights.example.com "desk" is forbidden: unable to create new content in namespace closing because it is being terminated"#.to_owned())
    );
    assert_eq!(
        closing.json()["details"]["causes"],
        json!([{"reason": "NamespaceTerminating", "message": "namespace closing is being terminated", "field": "metadata.namespace"}])
    );
    let gone = put_json(&server, "POST", &LAMPS.replace("team-a", "gone"), &lamp("desk", 1)).await;
    assert_eq!(said(&gone), (404, r#"namespaces "gone" not found"#.to_owned()));
}

#[tokio::test]
async fn an_update_counts_generations_and_respects_versions() {
    let server = lit().await;
    let desk = format!("{LAMPS}/desk");
    let brighter = put_json(&server, "PUT", &desk, &lamp("desk", 800)).await;
    assert_eq!((brighter.status, &brighter.json()["metadata"]["generation"]), (200, &json!(2)));
    let same = put_json(&server, "PUT", &desk, &lamp("desk", 800)).await;
    assert_eq!(same.json(), brighter.json(), "a change of nothing is no new version");
    let mut stale = lamp("desk", 1);
    stale["metadata"]["resourceVersion"] = "1".into();
    assert_eq!(
        said(&put_json(&server, "PUT", &desk, &stale).await),
        (409, r#"Operation cannot be fulfilled on lamps.lights.example.com "desk": the object has been modified; please apply your changes to the latest version and try again"#.to_owned())
    );
    assert_eq!(
        said(&put_json(&server, "PUT", &desk, &lamp("wall", 1)).await),
        (400, "the name of the object (wall) does not match the name on the URL (desk)".to_owned())
    );
    let other = put_json(&server, "PUT", &format!("{LAMPS}/wall"), &lamp("wall", 1)).await;
    assert_eq!(other.status, 201);
}

#[tokio::test]
async fn patches_change_the_object_as_it_is() {
    let server = lit().await;
    let desk = format!("{LAMPS}/desk");
    let merge = "application/merge-patch+json";
    let json_patch = "application/json-patch+json";
    let merged = send(&server, "PATCH", &desk, merge, r#"{"spec":{"lumens":7}}"#).await;
    assert_eq!((merged.status, &merged.json()["spec"]["lumens"]), (200, &json!(7)));
    let patch =
        r#"[{"op":"test","path":"/spec/lumens","value":7},{"op":"replace","path":"/spec/lumens","value":8}]"#;
    assert_eq!(send(&server, "PATCH", &desk, json_patch, patch).await.json()["spec"]["lumens"], 8);
    let rejected = "the server rejected our request due to an error in our request";
    let copies =
        format!("[{}]", vec![r#"{"op":"copy","from":"/metadata","path":"/metadata/labels"}"#; 200].join(","));
    let many = format!("[{}]", vec![r#"{"op":"remove","path":"/x"}"#; 10_001].join(","));
    let table = [
        (
            "application/strategic-merge-patch+json",
            "{}".to_owned(),
            415,
            "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json",
        ),
        (
            "application/apply-patch+yaml",
            "{}".to_owned(),
            415,
            "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json",
        ),
        (json_patch, patch.to_owned(), 422, rejected),
        (json_patch, copies, 422, rejected),
        (
            json_patch,
            many,
            413,
            "Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001",
        ),
        (merge, "{".to_owned(), 400, "invalid JSON patch"),
    ];
    for (media, body, code, message) in table {
        assert_eq!(
            said(&send(&server, "PATCH", &desk, media, body).await),
            (code, message.to_owned()),
            "{media}"
        );
    }
}

#[tokio::test]
async fn finalizers_are_waited_for() {
    let server = server();
    let mut body = lamp("desk", 1);
    body["metadata"]["finalizers"] = json!(["example.com/wait"]);
    put_json(&server, "POST", LAMPS, &body).await;
    let desk = format!("{LAMPS}/desk");
    let going = send(&server, "DELETE", &desk, "application/json", "").await;
    assert_eq!((going.status, &going.json()["kind"]), (200, &json!("Lamp")));
    assert!(going.json()["metadata"]["deletionTimestamp"].is_string());
    let accepted = send(&server, "DELETE", &desk, "application/json", r#"{"orphanDependents":false}"#).await;
    assert_eq!(accepted.status, 202);
    let patch = r#"{"metadata":{"finalizers":null}}"#;
    assert_eq!(send(&server, "PATCH", &desk, "application/merge-patch+json", patch).await.status, 200);
    assert_eq!(send(&server, "GET", &desk, "application/json", "").await.status, 404);
}

#[tokio::test]
async fn a_deletion_says_what_is_gone_and_respects_preconditions() {
    let server = lit().await;
    let desk = format!("{LAMPS}/desk");
    let refused =
        send(&server, "DELETE", &desk, "application/json", r#"{"preconditions":{"uid":"x"}}"#).await;
    assert_eq!(refused.status, 409);
    assert!(said(&refused).1.starts_with(r#"Operation cannot be fulfilled on Lamp.lights.example.com "desk": the UID in the precondition (x) does not match the UID in record ("#));
    assert_eq!(
        send(&server, "DELETE", &format!("{desk}?dryRun=All"), "application/json", "").await.status,
        200
    );
    let gone = send(&server, "DELETE", &desk, "application/json", "").await.json();
    let uid = gone["details"]["uid"].clone();
    assert_eq!(
        gone,
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": {"name": "desk", "group": "lights.example.com", "kind": "lamps", "uid": uid}})
    );
    for name in ["a", "b"] {
        put_json(&server, "POST", LAMPS, &lamp(name, 1)).await;
    }
    let listed = send(&server, "DELETE", LAMPS, "application/json", "").await.json();
    assert_eq!((&listed["kind"], listed["items"].as_array().map(Vec::len)), (&json!("LampList"), Some(2)));
    assert_eq!(send(&server, "GET", LAMPS, "application/json", "").await.json()["items"], json!([]));
}

#[tokio::test]
async fn every_verb_is_described_with_what_it_takes() {
    let server = server();
    let document = send(&server, "GET", "/openapi/v3/apis/lights.example.com/v1", "", "").await.json();
    let paths = &document["paths"];
    let lamps = "/apis/lights.example.com/v1/namespaces/{namespace}/lamps";
    let actions = |path: &str| -> Vec<String> {
        let operations = paths[path].as_object().expect("a path").values();
        let actions = operations.filter_map(|operation| operation.get("x-kubernetes-action"));
        actions.map(|action| action.as_str().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(actions(lamps), ["deletecollection", "list", "post"]);
    assert_eq!(actions(&format!("{lamps}/{{name}}")), ["delete", "get", "patch", "put"]);
    assert_eq!(actions("/apis/lights.example.com/v1/lamps"), ["list"]);

    let patch = &paths[format!("{lamps}/{{name}}")]["patch"];
    let names: Vec<&Value> =
        patch["parameters"].as_array().into_iter().flatten().map(|parameter| &parameter["name"]).collect();
    assert_eq!(names, ["dryRun", "fieldManager", "fieldValidation"]);
    let media: Vec<&String> = patch["requestBody"]["content"].as_object().expect("a body").keys().collect();
    assert_eq!(media, ["application/json-patch+json", "application/merge-patch+json"]);
    for reference in document.to_string().split("\"$ref\":\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap_or_default();
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
}
