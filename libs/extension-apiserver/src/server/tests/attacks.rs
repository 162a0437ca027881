//! Requests that were attacks on other servers, each by the id of its row in the lists of such attacks.
use crate::fixture::{Fixture, ROOT, key, source};
use http::Method;

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
