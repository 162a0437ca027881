//! Requests that were attacks on other servers, each by the id of its row in the lists of such attacks.
use crate::{
    access::{Decision, UserInfo},
    fixture::{Fixture, ROOT, key, source},
    metrics::Metrics,
    request::RequestInfo,
    serve::stream,
};
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::BodyExt;
use prometheus_client::registry::Registry;
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

fn fixture() -> Fixture {
    let fixture = Fixture::new();
    fixture.sources.replace("5".parse().unwrap(), [(key("a"), vec![source("a")])]);
    fixture.revisions.replace("5".parse().unwrap(), []);
    fixture
}

/// CVE-2018-1002105: a request to switch protocols that is not granted must not leave a tunnel behind.
#[tokio::test]
async fn nothing_is_upgraded_that_did_not_ask_for_it() {
    let fixture = fixture();
    for path in ["/", "/apis", "/readyz", ROOT, &format!("{ROOT}/namespaces/team-a/sources/a"), "/none"] {
        let headers = [("connection", "upgrade"), ("upgrade", "websocket"), ("sec-websocket-version", "13")];
        let answer = fixture.send(Method::GET, path, &headers).await;
        assert!(answer.status != 101 && answer.header("upgrade").is_empty(), "{path}: {}", answer.status);
    }
}

/// RUSTSEC-2020-0008 and its kin: what a proxy might understand in another way is one thing here, or nothing.
#[tokio::test]
async fn a_target_with_an_authority_or_a_strange_method_is_nobody_elses_request() {
    let fixture = fixture();
    let place = format!("{ROOT}/namespaces/team-a/sources/a");
    let absolute = fixture.get(&format!("http://evil.example{place}")).await;
    assert_eq!(
        (absolute.status, absolute.header("location")),
        (200, ""),
        "the path counts, whatever the host"
    );
    for method in ["CONNECT", "TRACE", "PROPFIND", "get"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let answer = fixture.send(method.clone(), &place, &[]).await;
        assert!([404, 405].contains(&answer.status), "{method}: {}", answer.status);
    }
}

/// Huge selectors: as much as fits into a request line (64 KiB) is read once, in the time of its length.
#[tokio::test]
async fn a_huge_selector_is_answered_or_refused() {
    let fixture = fixture();
    let (many, long, nested) =
        ("a%21%3Db,".repeat(6_000), "a".repeat(60_000), format!("a+in+({})", "b,".repeat(30_000)));
    for (selector, expected) in
        [(format!("{many}a"), 200), (long, 400), (nested, 200), ("%28".repeat(20_000), 400)]
    {
        let answer = fixture.get(&format!("{ROOT}/sources?labelSelector={selector}")).await;
        assert_eq!(answer.status, expected, "{}", &answer.text()[..answer.text().len().min(200)]);
        let told = answer.body.len();
        assert!(told < 1 << 18, "an answer of {told} bytes");
    }
}

/// What the authorizer is asked about, in the order of the questions.
type Questions = Arc<Mutex<Vec<RequestInfo>>>;

/// As [`fixture`], with everything that the authorizer is asked written down, and allowed.
fn questioned() -> (Fixture, Questions) {
    let questions = Questions::default();
    let asked = Arc::clone(&questions);
    let allow = move |_: &UserInfo, request: &RequestInfo| {
        asked.lock().unwrap().push(request.clone());
        Decision::Allow
    };
    let fixture = Fixture::under(allow);
    fixture.sources.replace("5".parse().unwrap(), [(key("a"), vec![source("a")])]);
    (fixture, questions)
}

/// CVE-2026-6383: an authorizer that is asked about another subresource than the one that answers.
#[tokio::test]
async fn cve_2026_6383_the_authorizer_is_asked_about_the_subresource_that_answers() {
    let (fixture, questions) = questioned();
    let table = [
        ("content", 200, Some("content")),
        ("content/", 200, Some("content")),
        ("content/more", 404, Some("content")),
        ("content/../revision", 404, None),
        ("content%2Fmore", 404, None),
        ("content%2fmore", 404, None),
        ("content%252Fmore", 404, None),
        ("%63ontent", 200, Some("content")),
        ("Content", 404, Some("Content")),
        ("content%20", 404, Some("content ")),
        ("content;v=1", 404, Some("content;v=1")),
        ("content%00", 404, None),
        (".%2Fcontent", 404, None),
        ("/content", 404, None),
    ];
    for (rest, code, subresource) in table {
        let answer = fixture.get(&format!("{ROOT}/namespaces/team-a/sources/a/{rest}")).await;
        assert_eq!(answer.status, code, "{rest}");
        let asked = questions.lock().unwrap().drain(..).map(|request| request.subresource).next();
        assert_eq!(asked.as_deref(), subresource, "{rest}");
    }
}

/// CVE-2022-3162: no spelling of a path reaches a resource that the authorizer was not asked about.
#[tokio::test]
async fn cve_2022_3162_no_path_leads_to_another_resource() {
    let (fixture, questions) = questioned();
    for path in [
        "namespaces/team-a/revisions/../sources/a",
        "namespaces/team-a/revisions/..%2Fsources/a",
        "namespaces/team-a/revisions/%2e%2e/sources/a",
        "namespaces/team-a/revisions/..%2fsources%2fa",
        "namespaces/team-b%2F..%2Fteam-a/sources/a",
        "namespaces/../namespaces/team-a/sources/a",
        "namespaces/./team-a/sources/a",
        "namespaces//team-a/sources/a",
        "namespaces/team-a/sources\\a",
        "namespaces/team-a/sources/a%00",
    ] {
        let answer = fixture.get(&format!("{ROOT}/{path}")).await;
        assert_eq!((answer.status, questions.lock().unwrap().len()), (404, 0), "{path}");
    }
    let other = fixture.get(&format!("{ROOT}/namespaces/team-b/sources/a")).await;
    assert_eq!((other.status, questions.lock().unwrap()[0].namespace.as_str()), (404, "team-b"));
}

/// CVE-2022-3172: a redirect would make kube-apiserver or a client carry credentials elsewhere.
#[tokio::test]
async fn cve_2022_3172_no_path_is_answered_with_a_redirect() {
    let fixture = fixture();
    let places = ["/", "/apis", "/openapi/v2", "/openapi/v3", "/version", "/readyz", ROOT];
    let endings = ["", "/", "//", "/.", "/..", "/%2e%2e", "//evil.example", "/%5Cevil.example", "?hash=none"];
    let elsewhere =
        ["//evil.example", "/%2f%2fevil.example/%2e%2e", "http://evil.example", "/\\evil.example"];
    let paths = places.iter().flat_map(|place| endings.map(|ending| format!("{place}{ending}")));
    for path in paths.chain(elsewhere.map(str::to_owned)) {
        for method in [Method::GET, Method::HEAD, Method::POST, Method::OPTIONS] {
            let answer = fixture.send(method.clone(), &path, &[("host", "evil.example")]).await;
            let is_redirect = (300..400).contains(&answer.status) || !answer.header("location").is_empty();
            assert!(!is_redirect, "{method} {path}: {}", answer.status);
        }
    }
}

/// CVE-2026-33343 and its kin: a watch, a list or a whole collection is no way around the right that it needs.
#[tokio::test]
async fn cve_2026_33343_each_form_of_a_request_is_authorized_as_itself() {
    let (fixture, questions) = questioned();
    let table = [
        ("GET", "sources/a", "get", "a"),
        ("HEAD", "sources/a", "get", "a"),
        ("GET", "sources", "list", ""),
        ("GET", "sources?watch=1&timeoutSeconds=1", "watch", ""),
        ("GET", "sources?watch=true&timeoutSeconds=1&fieldSelector=metadata.name%3Da", "watch", "a"),
        ("GET", "sources?watch=false", "list", ""),
        ("GET", "sources/a?watch=1", "get", "a"),
        ("DELETE", "sources", "deletecollection", ""),
        ("PATCH", "sources/a", "patch", "a"),
    ];
    for (method, rest, verb, name) in table {
        fixture.send(method.parse().unwrap(), &format!("{ROOT}/namespaces/team-a/{rest}"), &[]).await;
        let asked = questions.lock().unwrap().drain(..).next().expect("the authorizer is asked");
        assert_eq!((asked.verb.as_str(), asked.name.as_str()), (verb, name), "{method} {rest}");
    }
}

/// CVE-2026-33022 and its kin: whatever a name is made of, it is answered.
#[tokio::test]
async fn cve_2026_33022_names_of_any_length_and_kind_are_answered() {
    let fixture = fixture();
    let (segment, long) = ("a".repeat(253), "a".repeat(60_000));
    for name in
        ["a", &segment, &long, "%F0%9F%92%A5", "%E2%80%AE", "(", "[", "*", "$(id)", "-", "'%22", "%1B%5B31m"]
    {
        for rest in ["", "/revision", "/content"] {
            let answer = fixture.get(&format!("{ROOT}/namespaces/team-a/sources/{name}{rest}")).await;
            assert!([200, 404].contains(&answer.status), "{name}{rest}: {}", answer.status);
            assert!(!answer.body.contains(&0x1b), "{name}{rest}: a terminal would obey the answer");
        }
    }
}

/// CVE-2026-44937: what a user writes is compared, and never a pattern.
#[tokio::test]
async fn cve_2026_44937_no_selector_is_a_pattern() {
    let fixture = fixture();
    for pattern in [".*", "a|b", "%5Ba-z%5D", "a%2A", "%28a%2B%29%2B%24", "%3F"] {
        let answer = fixture.get(&format!("{ROOT}/sources?fieldSelector=metadata.name%3D{pattern}")).await;
        assert!([200, 400].contains(&answer.status), "{pattern}: {}", answer.status);
        assert!(!answer.text().contains("uid-a"), "{pattern} matched: {}", answer.text());
    }
    let plain = fixture.get(&format!("{ROOT}/sources?fieldSelector=metadata.name%3Da")).await;
    assert!(plain.text().contains("uid-a"), "{}", plain.text());
}

/// CVE-2025-43915, CVE-2020-8551: whatever strangers ask for, the metrics keep their size.
#[tokio::test]
async fn cve_2025_43915_strangers_cannot_make_metrics_grow() {
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let registry = Arc::new(registry);
    let fixture = Fixture::run(|builder| builder.metrics(metrics).serve_metrics(Arc::clone(&registry)));
    let ask = async |number: usize| {
        let agent = format!("agent-{number}");
        let headers = [("user-agent", agent.as_str()), ("audit-id", agent.as_str())];
        let method = Method::from_bytes(format!("M{number}").as_bytes()).unwrap();
        fixture.send(method, &format!("/made/up/{number}"), &headers).await;
        for path in [
            format!("/apis/g{number}.example.com/v{number}/things{number}"),
            format!("{ROOT}/things{number}/x/sub{number}"),
            format!("{ROOT}/namespaces/n{number}/sources/a{number}?watch={number}"),
        ] {
            fixture.send(Method::GET, &path, &headers).await;
        }
    };
    let series = async || fixture.get("/metrics").await.text().lines().count();
    for number in 0..10 {
        ask(number).await;
    }
    let few = series().await;
    for number in 10..1_000 {
        ask(number).await;
    }
    // The request for metrics itself is counted between the two.
    assert!(series().await <= few + 40, "{few} lines became {}", series().await);
}

/// CVE-2026-40924 and its kin: whoever is refused sends a body in vain; not a byte of it is read.
#[tokio::test]
async fn cve_2026_40924_nobody_is_refused_after_the_body_was_read() {
    let (fixture, read) = (fixture(), Arc::new(AtomicBool::new(false)));
    for (path, token, code) in [("sources/a", "Bearer bad", 401), ("sources/secret", "Bearer good", 403)] {
        let seen = Arc::clone(&read);
        let endless = futures::stream::repeat_with(move || {
            seen.store(true, Ordering::Relaxed);
            Ok(Bytes::from_static(&[b' '; 1 << 16]))
        });
        let request = Request::post(format!("{ROOT}/namespaces/team-a/{path}"))
            .header("authorization", token)
            .body(stream(endless))
            .unwrap();
        let answer = fixture.server.handle(request).await;
        assert_eq!(answer.status(), code, "{path}");
        answer.into_body().collect().await.unwrap();
        assert!(!read.load(Ordering::Relaxed), "{path}: the body was read");
    }
}
