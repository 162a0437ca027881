//! Requests through the whole server, in process: what clients get, byte by byte where they care.
mod attacks;
mod connect;
mod documents;
mod lists;
mod logs;
mod operation;
mod watches;
mod writes;

use crate::{
    fixture::{Fixture, ROOT, key, revision, source},
    object::Version,
    server::{BuildError, ResourceVerbs, Server},
    view::View,
};
use http::Method;
use serde_json::json;

const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

fn filled() -> Fixture {
    let fixture = Fixture::new();
    for (version, name) in [(5, "b"), (6, "a")] {
        fixture.sources.apply(Version(version), &key(name), vec![source(name)]);
        fixture.revisions.apply(Version(version), &key(name), vec![revision(name, "podinfo")]);
    }
    fixture
}

fn at(path: &str) -> String {
    format!("{ROOT}/namespaces/team-a/{path}")
}

#[tokio::test]
async fn an_object_comes_with_its_kind_and_the_common_headers() {
    let answer = filled().get(&at("sources/a")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-cache, private");
    let expected = concat!(
        r#"{"apiVersion":"sub.example.com/v1alpha1","kind":"Source","metadata":{"name":"a","namespace":"team-a","#,
        r#""resourceVersion":"6","uid":"uid-a"},"suspend":null}"#,
        "\n"
    );
    assert_eq!(answer.text(), expected);
}

#[tokio::test]
async fn the_audit_id_is_passed_on_or_made_up() {
    let fixture = filled();
    let given = fixture.send(Method::GET, &at("sources/a"), &[("audit-id", "from-kube-apiserver")]).await;
    assert_eq!(given.header("audit-id"), "from-kube-apiserver");
    let long = "x".repeat(65);
    for headers in [&[][..], &[("audit-id", long.as_str())]] {
        assert_eq!(fixture.send(Method::GET, "/nowhere", headers).await.header("audit-id").len(), 36);
    }
}

#[tokio::test]
async fn refusals_are_statuses_with_the_words_of_go() {
    let fixture = filled();
    let table = [
        ("GET", at("sources/x"), 404, r#"sources.sub.example.com "x" not found"#),
        ("GET", at("sources/x/revision"), 404, r#"sources.sub.example.com "x" not found"#),
        ("GET", at("nothings/x"), 404, "the server could not find the requested resource"),
        ("GET", at("sources/a/nothing"), 404, "the server could not find the requested resource"),
        ("GET", at("sources/a/revision/more"), 404, "the server could not find the requested resource"),
        ("GET", format!("{ROOT}/sources/a"), 404, "the server could not find the requested resource"),
        ("GET", at("Sources/a"), 404, "the server could not find the requested resource"),
        ("GET", "/apis/other.example.com/v1/things".into(), 404, "404 page not found"),
        ("GET", "/nowhere".into(), 404, "404 page not found"),
        ("GET", at("sources/a/revision%2Fx"), 404, "404 page not found"),
        ("GET", format!("{ROOT}/namespaces/../sources"), 404, "404 page not found"),
        ("POST", at("sources"), 405, "the server does not allow this method on the requested resource"),
        ("DELETE", at("sources/a"), 405, "the server does not allow this method on the requested resource"),
        (
            "POST",
            at("sources/a/revision"),
            405,
            "the server does not allow this method on the requested resource",
        ),
        ("POST", "/apis".into(), 405, "the server does not allow this method on the requested resource"),
        (
            "GET",
            at("sources/a?resourceVersion=abc"),
            400,
            r#"invalid resource version: resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": invalid syntax"#,
        ),
        (
            "GET",
            at("sources/a?timeout=abc"),
            400,
            r#"invalid timeout specified in the request URL - time: invalid duration "abc""#,
        ),
        (
            "GET",
            at("sources/secret"),
            403,
            r#"sources.sub.example.com "secret" is forbidden: User "jane" cannot get resource "sources" in API group "sub.example.com" in the namespace "team-a""#,
        ),
    ];
    for (method, path, code, message) in table {
        let answer = fixture.send(method.parse().unwrap(), &path, &[]).await;
        let status = answer.json();
        assert_eq!((answer.status, status["message"].as_str()), (code, Some(message)), "{method} {path}");
        assert_eq!(
            (&status["kind"], &status["apiVersion"], &status["code"]),
            (&json!("Status"), &json!("v1"), &json!(code))
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("location"), "");
    }
}

#[tokio::test]
async fn a_proof_that_does_not_hold_is_a_401_before_anything_else() {
    let fixture = filled();
    for path in [
        at("sources/secret"),
        at("sources/x"),
        "/nowhere".to_owned(),
        format!("{ROOT}/namespaces/../sources"),
    ] {
        let answer = fixture.send(Method::GET, &path, &[("authorization", "Bearer bad")]).await;
        assert_eq!((answer.status, answer.json()["reason"].as_str()), (401, Some("Unauthorized")), "{path}");
    }
}

#[tokio::test]
async fn nothing_but_health_is_answered_before_the_server_is_ready() {
    let fixture = Fixture::unread();
    for path in ["/apis", "/openapi/v3", "/metrics", "/nowhere", ROOT, &at("sources/a")] {
        let answer = fixture.get(path).await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, "1"), "{path}");
        assert_eq!(answer.json()["reason"], "ServiceUnavailable");
    }
    assert_eq!((fixture.get("/livez").await.status, fixture.get("/readyz").await.status), (200, 500));
    let report = fixture.get("/readyz").await;
    assert_eq!(
        report.text(),
        "[+]ping ok\n[-]views failed: reason withheld\n[+]shutdown ok\nreadyz check failed\n"
    );
    fixture.revisions.replace(Version(1), []);
    fixture.sources.replace(Version(1), []);
    assert_eq!((fixture.get("/readyz").await.text(), fixture.get(ROOT).await.status), ("ok", 200));
}

#[tokio::test]
async fn a_subresource_has_its_own_kind_and_can_be_a_table() {
    let fixture = filled();
    let plain = fixture.get(&at("sources/a/revision")).await.json();
    assert_eq!((&plain["kind"], &plain["source"]), (&json!("Revision"), &json!("podinfo")));
    let table = fixture.get_as(TABLE, &at("sources/a/revision")).await.json();
    assert_eq!((&table["kind"], &table["apiVersion"]), (&json!("Table"), &json!("meta.k8s.io/v1")));
    assert_eq!(table["metadata"]["resourceVersion"], "6144");
    let columns = table["columnDefinitions"].as_array().unwrap();
    assert_eq!(columns[0]["format"], "name");
    assert_eq!(
        columns[2],
        json!({"name": "Size", "type": "integer", "format": "", "description": "Bytes.", "priority": 1})
    );
    assert_eq!(table["rows"][0]["cells"], json!(["a", "podinfo", 7]));
    assert_eq!(table["rows"][0]["object"]["kind"], "PartialObjectMetadata");
    assert_eq!(table["rows"][0]["object"]["metadata"]["name"], "a");
}

#[tokio::test]
async fn a_table_carries_as_much_of_each_object_as_is_asked_for() {
    let fixture = filled();
    let row = async |include: &str| {
        let path = at(&format!("revisions?includeObject={include}"));
        fixture.get_as(TABLE, &path).await.json()["rows"][0]["object"].clone()
    };
    assert_eq!(row("None").await, json!(null));
    assert_eq!(row("Metadata").await["kind"], "PartialObjectMetadata");
    assert_eq!(row("Object").await["kind"], "Revision");
    assert_eq!(fixture.get_as(TABLE, &at("revisions?includeObject=All")).await.status, 400);
}

#[tokio::test]
async fn metadata_and_yaml_are_spoken_too() {
    let fixture = filled();
    let partial = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
    let object = fixture.get_as(partial, &at("revisions/a")).await.json();
    assert_eq!((&object["kind"], object.get("source")), (&json!("PartialObjectMetadata"), None));
    assert_eq!(fixture.get_as(partial, &at("revisions")).await.status, 406);
    let yaml = fixture.get_as("application/yaml", &at("revisions/a")).await;
    assert_eq!(yaml.header("content-type"), "application/yaml");
    assert!(yaml.text().contains("kind: Revision\n"), "{}", yaml.text());
    assert_eq!(fixture.get_as("application/cbor", &at("revisions/a")).await.status, 406);
    // A refusal keeps its code whatever the client accepts.
    assert_eq!(
        fixture.get_as("application/json;as=Table;g=meta.k8s.io;v=v1", &at("revisions/x")).await.status,
        404
    );
}

#[tokio::test]
async fn bytes_pass_as_the_resource_made_them() {
    let fixture = filled();
    let whole = fixture.send(Method::GET, &at("sources/a/content"), &[("accept-encoding", "gzip")]).await;
    assert_eq!((whole.status, whole.text()), (200, "a"));
    assert_eq!((whole.header("content-type"), whole.header("etag")), ("application/gzip", "\"d\""));
    assert_eq!(whole.header("content-encoding"), "");
    let part = fixture.send(Method::GET, &at("sources/a/content"), &[("range", "bytes=0-")]).await;
    assert_eq!(part.status, 206);
    let head = fixture.send(Method::HEAD, &at("sources/abc/content"), &[]).await;
    assert_eq!((head.status, head.header("content-length"), head.text()), (200, "3", ""));
}

#[tokio::test]
async fn no_redirect_ever_leaves_the_server() {
    let answer = filled().get(&at("sources/moved/content")).await;
    assert_eq!((answer.status, answer.header("location")), (500, ""));
}

#[tokio::test]
async fn a_request_ends_at_its_deadline() {
    let answer = filled().get(&at("sources/slow/revision?timeout=100ms")).await;
    assert_eq!(answer.status, 504);
    assert_eq!(answer.json()["message"], "Timeout: request did not complete within the allotted timeout");
}

#[tokio::test]
async fn large_answers_are_compressed_for_clients_that_take_it() {
    let fixture = Fixture::new();
    let many = (0..1_000).map(|n| revision(&format!("revision-{n:04}"), "podinfo")).collect();
    fixture.revisions.apply(Version(9), &key("podinfo"), many);
    let gzip = fixture.send(Method::GET, &at("revisions"), &[("accept-encoding", "gzip")]).await;
    assert_eq!((gzip.header("content-encoding"), gzip.header("vary")), ("gzip", "Accept-Encoding"));
    let plain = fixture.get(&at("revisions")).await;
    assert!(plain.body.len() > 128 * 1024 && gzip.body.len() < plain.body.len() / 4);
    assert_eq!(plain.json()["items"].as_array().unwrap().len(), 1_000);
}

#[test]
fn names_are_registered_once_and_verbs_are_needed() {
    let build = |server: crate::server::Builder| {
        let server =
            server.authenticator(|_: &mut http::request::Parts| Ok(crate::access::UserInfo::default()));
        let allow =
            |_: &crate::access::UserInfo, _: &crate::request::RequestInfo| crate::access::Decision::Allow;
        server.authorizer(allow).build().err().map(|error| error.to_string())
    };
    let sources = View::<crate::fixture::Source>::mirrored;
    let name = "sources.v1alpha1.sub.example.com";
    let twice =
        Server::builder().resource(sources(), ResourceVerbs::get).resource(sources(), ResourceVerbs::get);
    assert_eq!(build(twice), Some(BuildError::DuplicateResource { resource: name.into() }.to_string()));
    let none = Server::builder().resource(sources(), |v| v);
    assert_eq!(build(none), Some(format!("resource {name} has no verb")));
    let list_twice = Server::builder().resource(sources(), |v| v.list().watch());
    assert_eq!(build(list_twice), Some(format!("list of {name} is registered twice")));
}
