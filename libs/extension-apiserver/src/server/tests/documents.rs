//! What is served besides resources, and the probes.
use crate::{
    fixture::{Fixture, source},
    metrics::Metrics,
    server::{Lifecycle, VersionInfo},
};
use http::Method;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn the_version_is_that_of_every_kubernetes_component() {
    let fixture = Fixture::run(|builder| builder.version(VersionInfo::of("1.2.3")));
    let answer = fixture.get("/version").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    assert!(
        answer
            .text()
            .starts_with("{\n  \"major\": \"1\",\n  \"minor\": \"2\",\n  \"gitVersion\": \"v1.2.3\",\n")
    );
    let version = answer.json();
    for field in ["gitCommit", "gitTreeState", "buildDate", "goVersion", "compiler", "platform"] {
        assert!(version[field].is_string(), "{field}");
    }
    assert_eq!(Fixture::new().get("/version").await.status, 404);
}

#[tokio::test]
async fn the_root_lists_every_path() {
    let fixture =
        Fixture::run(|builder| builder.version(VersionInfo::of("1.2.3")).serve_metrics(Arc::default()));
    let answer = fixture.get("/").await;
    let paths: Vec<&str> = answer.text().split('"').filter(|word| word.starts_with('/')).collect();
    let expected = [
        "/apis",
        "/apis/sub.example.com",
        "/apis/sub.example.com/v1alpha1",
        "/healthz",
        "/healthz/ping",
        "/healthz/views",
        "/livez",
        "/livez/ping",
        "/metrics",
        "/openapi/v2",
        "/openapi/v3",
        "/openapi/v3/",
        "/readyz",
        "/readyz/ping",
        "/readyz/shutdown",
        "/readyz/views",
        "/version",
    ];
    assert_eq!(paths, expected);
    for path in expected {
        assert_eq!(fixture.get(path).await.status, 200, "{path}");
    }
    assert_eq!(fixture.get("/index.html").await.text(), answer.text());
    assert_eq!(fixture.send(Method::POST, "/", &[]).await.status, 405);
}

#[tokio::test]
async fn openapi_v2_says_what_v3_says() {
    let fixture = Fixture::new();
    let answer = fixture.get("/openapi/v2").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    let (v2, v3) = (answer.json(), fixture.get("/openapi/v3/apis/sub.example.com/v1alpha1").await.json());
    assert_eq!(v2["swagger"], "2.0");
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&v2["paths"]), keys(&v3["paths"]));
    assert_eq!(keys(&v2["definitions"]), keys(&v3["components"]["schemas"]));
    let text = v2.to_string();
    assert!(!text.contains("#/components/") && !text.contains("nullable"), "{text}");
    for reference in text.split("#/definitions/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(v2["definitions"][name].is_object(), "{name}");
    }
    let list = &v2["paths"]["/apis/sub.example.com/v1alpha1/revisions"]["get"];
    assert_eq!(list["x-kubernetes-action"], "list");
    assert_eq!(list["produces"], json!(["application/json", "application/yaml"]));
    assert_eq!(
        list["responses"]["200"]["schema"],
        json!({"$ref": "#/definitions/com.example.sub.v1alpha1.RevisionList"})
    );
}

#[tokio::test]
async fn kube_apiserver_gets_openapi_v2_once() {
    let fixture = Fixture::new();
    let etag = fixture.get("/openapi/v2").await.header("etag").to_owned();
    for known in [etag.clone(), format!("\"x\", W/{etag}"), "*".to_owned()] {
        let again = fixture.send(Method::GET, "/openapi/v2", &[("if-none-match", &known)]).await;
        assert_eq!(
            (again.status, again.header("etag"), again.body.len()),
            (304, etag.as_str(), 0),
            "{known}"
        );
    }
    let gzip = fixture.send(Method::GET, "/openapi/v2", &[("accept-encoding", "gzip")]).await;
    assert_eq!((gzip.status, gzip.header("content-encoding")), (200, "gzip"));
    let protobuf = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
    assert_eq!(fixture.get_as(protobuf, "/openapi/v2").await.status, 406);
    assert_eq!(
        fixture.get_as(&format!("{protobuf},application/json;q=0.5"), "/openapi/v2").await.status,
        200
    );
}

#[tokio::test]
async fn metrics_count_what_is_registered_and_fold_the_rest() {
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let registry = Arc::new(registry);
    let fixture = Fixture::run(|builder| builder.metrics(metrics).serve_metrics(Arc::clone(&registry)));
    fixture.sources.replace("2".parse().unwrap(), [(crate::fixture::key("a"), vec![source("a")])]);
    for path in ["sources/a", "sources/secret", "sources/a/revision", "madeup/x", "sources"] {
        fixture.get(&format!("/apis/sub.example.com/v1alpha1/namespaces/team-a/{path}")).await;
    }
    fixture.send(Method::GET, "/version", &[("authorization", "Bearer bad")]).await;
    let text = fixture.get("/metrics").await.text().to_owned();
    let of = |resource: &str, verb: &str, subresource: &str, scope: &str| {
        let (group, version) = if resource.is_empty() { ("", "") } else { ("sub.example.com", "v1alpha1") };
        format!(
            "verb=\"{verb}\",group=\"{group}\",version=\"{version}\",resource=\"{resource}\",\
             subresource=\"{subresource}\",scope=\"{scope}\",component=\"apiserver\""
        )
    };
    let expected = [
        format!(
            "apiserver_request_total{{{},dry_run=\"\",code=\"200\"}} 1",
            of("sources", "GET", "", "resource")
        ),
        format!(
            "apiserver_request_total{{{},dry_run=\"\",code=\"403\"}} 1",
            of("sources", "GET", "", "resource")
        ),
        format!(
            "apiserver_request_total{{{},dry_run=\"\",code=\"404\"}} 1",
            of("sources", "GET", "revision", "resource")
        ),
        format!("apiserver_request_total{{{},dry_run=\"\",code=\"404\"}} 1", of("", "GET", "", "resource")),
        format!("apiserver_request_total{{{},dry_run=\"\",code=\"401\"}} 1", of("", "GET", "", "")),
        format!("apiserver_request_duration_seconds_count{{{}}} 1", of("sources", "LIST", "", "namespace")),
        format!("apiserver_response_sizes_count{{{}}} 1", of("sources", "LIST", "", "namespace")),
        "apiserver_current_inflight_requests{request_kind=\"readOnly\"} 1".to_owned(),
        "authentication_attempts{result=\"success\"} 6".to_owned(),
        "authentication_attempts{result=\"error\"} 1".to_owned(),
        "authenticated_user_requests{username=\"other\"} 6".to_owned(),
        "authorization_attempts_total{result=\"allowed\"} 5".to_owned(),
        "authorization_attempts_total{result=\"no-opinion\"} 1".to_owned(),
    ];
    for line in expected {
        assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
    }
    assert!(!text.contains("madeup"), "{text}");
}

#[tokio::test]
async fn probes_can_leave_checks_out_and_name_those_they_cannot() {
    let fixture = Fixture::unread();
    let table = [
        ("/livez?verbose", 200, "[+]ping ok\nlivez check passed\n"),
        ("/readyz?exclude=views", 200, "ok"),
        (
            "/readyz?verbose&exclude=views&exclude=etcd",
            200,
            "[+]ping ok\n[+]views excluded: ok\n[+]shutdown ok\n\
             warn: some health checks cannot be excluded: no matches for \"etcd\"\nreadyz check passed\n",
        ),
        ("/healthz", 500, "[+]ping ok\n[-]views failed: reason withheld\nhealthz check failed\n"),
        ("/readyz/ping", 200, "ok"),
        ("/readyz/views", 500, "internal server error: views failed\n"),
    ];
    for (path, code, text) in table {
        let answer = fixture.get(path).await;
        assert_eq!((answer.status, answer.text()), (code, text), "{path}");
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    }
    assert_eq!(fixture.get("/readyz/etcd").await.status, 503);
    let stranger = fixture.send(Method::GET, "/readyz/ping", &[("authorization", "Bearer bad")]).await;
    assert_eq!(stranger.status, 401, "a single check is for those who may");
}

#[tokio::test]
async fn a_server_that_stops_is_not_ready_and_serves() {
    let stop = CancellationToken::new();
    let lifecycle = Lifecycle::from(stop.clone());
    let fixture = Fixture::run(|builder| builder.shutdown(lifecycle));
    assert_eq!(fixture.get("/readyz").await.status, 200);
    stop.cancel();
    let text = "[+]ping ok\n[+]views ok\n[-]shutdown failed: reason withheld\nreadyz check failed\n";
    let answer = fixture.get("/readyz").await;
    assert_eq!((answer.status, answer.text()), (500, text));
    for path in ["/livez", "/healthz", "/apis"] {
        assert_eq!(fixture.get(path).await.status, 200, "{path}");
    }
}
