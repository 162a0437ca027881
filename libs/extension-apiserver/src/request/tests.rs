//! What a URL means: every form that is served, and every one that must mean nothing.
use super::*;

fn info(method: &Method, target: &str) -> Result<RequestInfo, OddPath> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    RequestInfo::new(method, path, &Query::parse(query))
}

/// verb, namespace, resource, name, subresource
fn attributes(method: &Method, target: &str) -> [String; 5] {
    let info = info(method, target).unwrap();
    assert!(info.is_resource, "{target}");
    [info.verb, info.namespace, info.resource, info.name, info.subresource]
}

#[test]
fn the_verb_and_object_are_those_of_kubernetes() {
    let table = [
        (Method::GET, "/apis/g/v1/things", ["list", "", "things", "", ""]),
        (Method::GET, "/apis/g/v1/things/", ["list", "", "things", "", ""]),
        (Method::GET, "/apis/g/v1/things?watch=1", ["watch", "", "things", "", ""]),
        (Method::GET, "/apis/g/v1/things?watch=true", ["watch", "", "things", "", ""]),
        (Method::GET, "/apis/g/v1/things?watch=false", ["list", "", "things", "", ""]),
        (Method::GET, "/apis/g/v1/things?watch=0", ["list", "", "things", "", ""]),
        (Method::GET, "/apis/g/v1/things?watch", ["watch", "", "things", "", ""]),
        (Method::GET, "/apis/g/v1/things/x?watch=1", ["get", "", "things", "x", ""]),
        (Method::GET, "/apis/g/v1/namespaces/n/things", ["list", "n", "things", "", ""]),
        (Method::GET, "/apis/g/v1/namespaces/n/things/x", ["get", "n", "things", "x", ""]),
        (Method::HEAD, "/apis/g/v1/namespaces/n/things/x", ["get", "n", "things", "x", ""]),
        (Method::GET, "/apis/g/v1/namespaces/n/things/x/token", ["get", "n", "things", "x", "token"]),
        (Method::POST, "/apis/g/v1/namespaces/n/things/x/token", ["create", "n", "things", "x", "token"]),
        (Method::POST, "/apis/g/v1/namespaces/n/things", ["create", "n", "things", "", ""]),
        (Method::PUT, "/apis/g/v1/namespaces/n/things/x", ["update", "n", "things", "x", ""]),
        (Method::PATCH, "/apis/g/v1/namespaces/n/things/x", ["patch", "n", "things", "x", ""]),
        (Method::DELETE, "/apis/g/v1/namespaces/n/things/x", ["delete", "n", "things", "x", ""]),
        (Method::DELETE, "/apis/g/v1/namespaces/n/things", ["deletecollection", "n", "things", "", ""]),
        (Method::OPTIONS, "/apis/g/v1/namespaces/n/things/x", ["", "n", "things", "x", ""]),
        (Method::GET, "/apis/g/v1/namespaces/n", ["get", "n", "namespaces", "n", ""]),
        (Method::GET, "/apis/g/v1/namespaces", ["list", "", "namespaces", "", ""]),
        (Method::GET, "/apis/g/v1/namespaces/n/status", ["get", "n", "namespaces", "n", "status"]),
        (Method::GET, "/api/v1/namespaces/n/pods/p/log", ["get", "n", "pods", "p", "log"]),
        (Method::GET, "/apis/g/v1/things?fieldSelector=metadata.name%3Dx", ["list", "", "things", "x", ""]),
        (Method::GET, "/apis/g/v1/things?fieldSelector=metadata.name%3D..", ["list", "", "things", "", ""]),
        (Method::GET, "/apis/g/v1/namespaces/n/Things/X/Token", ["get", "n", "Things", "X", "Token"]),
        (Method::GET, "/apis/g/v1/namespaces/n/things/%78", ["get", "n", "things", "x", ""]),
    ];
    for (method, target, expected) in table {
        assert_eq!(attributes(&method, target), expected, "{method} {target}");
    }
}

#[test]
fn a_path_behind_the_subresource_is_noticed() {
    let beyond = info(&Method::GET, "/apis/g/v1/namespaces/n/things/x/token/extra").unwrap();
    assert_eq!((beyond.subresource.as_str(), beyond.has_subpath), ("token", true));
}

#[test]
fn plain_paths_keep_their_method_as_verb() {
    for path in [
        "/",
        "/apis",
        "/apis/",
        "/apis/g",
        "/apis/g/v1",
        "/openapi/v3/apis/g/v1",
        "/livez",
        "/api/v1",
        "/x/y/z/a",
    ] {
        let info = info(&Method::GET, path).unwrap();
        assert_eq!((info.is_resource, info.verb.as_str(), info.path.as_str()), (false, "get", path));
    }
}

#[test]
fn selectors_travel_with_collections_only() {
    let list = info(&Method::GET, "/apis/g/v1/things?labelSelector=a%3Db&fieldSelector=c%3Dd").unwrap();
    assert_eq!((list.label_selector.as_deref(), list.field_selector.as_deref()), (Some("a=b"), Some("c=d")));
    let get = info(&Method::GET, "/apis/g/v1/things/x?labelSelector=a%3Db").unwrap();
    assert_eq!(get.label_selector, None);
}

#[test]
fn paths_that_programs_read_differently_are_odd() {
    for path in [
        "/apis/g/v1/namespaces/../things",
        "/apis/g/v1/namespaces/n/things/..",
        "/apis/g/v1/namespaces/n/things/.",
        "/apis/g/v1/namespaces/%2e%2e/things",
        "/apis/g/v1/namespaces/n%2F..%2Fm/things",
        "/apis/g/v1/namespaces/n/things/x/token%2Fx",
        "/apis/g/v1/namespaces/n/things/x%2ftoken",
        "/apis/g/v1/namespaces/n/things/x%252Ftoken",
        "/apis/g/v1/namespaces/n/things/x%00",
        "/apis/g/v1/namespaces/n/things/x%0Ay",
        "/apis/g/v1/namespaces/n/things/%ff",
        "/apis/g/v1/namespaces/n/things/a\\b",
        "/apis/g/v1/namespaces/n/things//",
        "/apis//v1/things",
        "//apis/g/v1/things",
        "/apis/g/v1//things",
        "apis/g/v1/things",
        "*",
        "",
    ] {
        assert_eq!(info(&Method::GET, path), Err(OddPath), "{path}");
    }
}

proptest::proptest! {
    #[test]
    fn any_path_that_is_written_is_read_back(
        namespace in "[a-z0-9][a-z0-9-]{0,10}",
        resource in "[a-z]{1,10}",
        name in "[a-z0-9][a-z0-9.-]{0,10}",
        subresource in "[a-z]{1,10}",
    ) {
        let path = format!("/apis/g.example/v1/namespaces/{namespace}/{resource}/{name}/{subresource}");
        let read = attributes(&Method::GET, &path);
        proptest::prop_assume!(!matches!(resource.as_str(), "status" | "finalize"));
        proptest::prop_assert_eq!(read, ["get".to_owned(), namespace, resource, name, subresource]);
    }

    #[test]
    fn any_path_is_read_without_a_panic(path in "[/a-z.%0-9A-F\\\\*]{0,60}", query in "[a-z=&%0-9+]{0,60}") {
        let _ = RequestInfo::new(&Method::GET, &path, &Query::parse(&query));
    }
}
