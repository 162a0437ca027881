//! The order of proofs, and every way to pretend: requests as handlers would see them, at the boundary to kube-apiserver.
use super::*;
use crate::pki::{Authority, Pair};
use http::Request;
use k8s_openapi::api::authentication::v1::{TokenReviewStatus, UserInfo as ReviewedUser};
use rustls_pki_types::UnixTime;
use std::collections::BTreeMap;

/// A server that trusts two authorities, and a kube-apiserver that knows one token.
struct Setup {
    proxy: Authority,
    clients: Authority,
    authenticator: Authenticator,
}

const TOKEN: &str = "Bearer good";

fn setup() -> Setup {
    with_names(r#"["front-proxy-client"]"#)
}

fn with_names(allowed: &str) -> Setup {
    let setup = untrusting(Anonymous::Everywhere);
    let data: BTreeMap<String, String> = [
        ("client-ca-file", setup.clients.pem()),
        ("requestheader-client-ca-file", setup.proxy.pem()),
        ("requestheader-allowed-names", allowed.to_owned()),
        ("requestheader-username-headers", r#"["X-Remote-User"]"#.to_owned()),
        ("requestheader-group-headers", r#"["X-Remote-Group"]"#.to_owned()),
        ("requestheader-extra-headers-prefix", r#"["X-Remote-Extra-"]"#.to_owned()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into();
    setup.authenticator.0.current.update(&data, UnixTime::now());
    setup
}

/// Before any ConfigMap is read.
fn untrusting(anonymous: Anonymous) -> Setup {
    let ask: Ask<TokenReview> = Arc::new(|review| {
        let is_good = review.spec.token == "good";
        let user = ReviewedUser { username: Some("token-user".into()), ..ReviewedUser::default() };
        let status = TokenReviewStatus {
            authenticated: Some(is_good),
            user: is_good.then_some(user),
            ..TokenReviewStatus::default()
        };
        async move { Ok(TokenReview { status: Some(status), ..review }) }.boxed()
    });
    let authenticator = Authenticator::new(ask, Options { anonymous, ..Options::default() });
    Setup { proxy: Authority::new(), clients: Authority::new(), authenticator }
}

/// A request over a connection with this certificate.
fn request(identity: Option<&Pair>, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::get("/apis/example.com/v1");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (mut parts, ()) = request.body(()).expect("a request").into_parts();
    let certificates = identity.map(Pair::chain).unwrap_or_default().into();
    let address = "127.0.0.1:1".parse().expect("an address");
    parts.extensions.insert(Peer { address, certificates });
    parts
}

impl Setup {
    /// The user's name and groups, or the code of the refusal.
    async fn ask(&self, mut parts: Parts) -> Result<(String, Vec<String>), u16> {
        let user = self.authenticator.authenticate(&mut parts).await;
        user.map(|user| (user.name, user.groups)).map_err(|status| status.code().as_u16())
    }
}

fn user(name: &str, groups: &[&str]) -> Result<(String, Vec<String>), u16> {
    Ok((name.to_owned(), groups.iter().map(ToString::to_string).collect()))
}

fn anonymous() -> Result<(String, Vec<String>), u16> {
    user(ANONYMOUS, &[UNAUTHENTICATED])
}

const SPOOF: [(&str, &str); 2] = [("X-Remote-User", "system:admin"), ("X-Remote-Group", "system:masters")];

#[tokio::test]
async fn the_front_proxy_speaks_for_the_user_in_its_headers() {
    let setup = setup();
    let proxy = setup.proxy.client("front-proxy-client");
    let sent = request(Some(&proxy), &[("X-Remote-User", "jane"), ("X-Remote-Group", "dev")]);
    assert_eq!(setup.ask(sent).await, user("jane", &["dev", AUTHENTICATED]));
    let own = request(Some(&proxy), &[("X-Remote-User", "system:aggregator")]);
    assert_eq!(setup.ask(own).await, user("system:aggregator", &[AUTHENTICATED]), "without any group header");
    let stranger = [("X-Remote-User", ANONYMOUS), ("X-Remote-Group", UNAUTHENTICATED)];
    assert_eq!(setup.ask(request(Some(&proxy), &stranger)).await, anonymous());
}

#[tokio::test]
async fn cve_2025_64432_the_right_authority_with_the_wrong_name_is_refused() {
    let setup = setup();
    for name in ["system:admin", "front-proxy-client2", "", "FRONT-PROXY-CLIENT"] {
        let wrong = setup.proxy.client(name);
        assert_eq!(setup.ask(request(Some(&wrong), &SPOOF)).await, Err(401), "{name:?}");
    }
    let any = with_names("[]");
    let whoever = any.proxy.client("whoever");
    let sent = request(Some(&whoever), &[("X-Remote-User", "jane")]);
    assert_eq!(any.ask(sent).await, user("jane", &[AUTHENTICATED]), "only where the list is empty");
}

#[tokio::test]
async fn headers_without_the_proxys_certificate_have_no_effect() {
    let setup = setup();
    assert_eq!(setup.ask(request(None, &SPOOF)).await, anonymous());

    let jane = setup.clients.client("jane");
    assert_eq!(setup.ask(request(Some(&jane), &SPOOF)).await, user("jane", &[AUTHENTICATED]));

    let with_token = [SPOOF.as_slice(), &[("Authorization", TOKEN)]].concat();
    assert_eq!(setup.ask(request(None, &with_token)).await, user("token-user", &[AUTHENTICATED]));

    let named_so = setup.clients.client("front-proxy-client");
    assert_eq!(
        setup.ask(request(Some(&named_so), &SPOOF)).await,
        user("front-proxy-client", &[AUTHENTICATED])
    );
}

#[tokio::test]
async fn the_first_proof_that_holds_wins() {
    let setup = setup();
    let (proxy, jane) = (setup.proxy.client("front-proxy-client"), setup.clients.client("jane"));
    let stranger = Authority::new().client("mallory");
    let spoken = ("X-Remote-User", "spoken-for");
    let good = ("Authorization", TOKEN);
    let bad = ("Authorization", "Bearer bad");
    let table = [
        ("proxy, then token", request(Some(&proxy), &[spoken, good]), user("spoken-for", &[AUTHENTICATED])),
        ("proxy, bad token", request(Some(&proxy), &[spoken, bad]), user("spoken-for", &[AUTHENTICATED])),
        ("proxy without a name, token", request(Some(&proxy), &[good]), user("token-user", &[AUTHENTICATED])),
        ("proxy without a name", request(Some(&proxy), &[]), Err(401)),
        ("certificate, then token", request(Some(&jane), &[good]), user("jane", &[AUTHENTICATED])),
        ("certificate, bad token", request(Some(&jane), &[bad]), user("jane", &[AUTHENTICATED])),
        ("unknown certificate", request(Some(&stranger), &[]), Err(401)),
        (
            "unknown certificate, token",
            request(Some(&stranger), &[good]),
            user("token-user", &[AUTHENTICATED]),
        ),
        ("unknown certificate, bad token", request(Some(&stranger), &[bad]), Err(401)),
        ("token", request(None, &[good]), user("token-user", &[AUTHENTICATED])),
        ("bad token", request(None, &[bad]), Err(401)),
        ("empty token", request(None, &[("Authorization", "Bearer ")]), anonymous()),
        ("two tokens", request(None, &[good, good]), Err(401)),
        ("nothing", request(None, &[]), anonymous()),
    ];
    for (what, sent, expected) in table {
        assert_eq!(setup.ask(sent).await, expected, "{what}");
    }
}

/// CVE-2023-48312: a token of no characters is no proof, and two are none either.
#[tokio::test]
async fn cve_2023_48312_an_empty_token_is_nobody() {
    let (open, closed) = (setup(), untrusting(Anonymous::Nowhere));
    for value in ["", "Bearer", "Bearer ", "Bearer  ", "Bearer\t", "bearer ", "Bearer  good", "Basic Og=="] {
        let sent = || request(None, &[("Authorization", value)]);
        assert_eq!(open.ask(sent()).await, anonymous(), "{value:?}");
        assert_eq!(closed.ask(sent()).await, Err(401), "{value:?}");
    }
    let long = format!("Bearer {}", "a".repeat(1 << 20));
    let (empty, good) = (("Authorization", "Bearer "), ("Authorization", TOKEN));
    for headers in [&[("Authorization", long.as_str())][..], &[empty, good], &[good, empty]] {
        assert_eq!(open.ask(request(None, headers)).await, Err(401), "{} headers", headers.len());
    }
}

#[tokio::test]
async fn a_change_of_trust_acts_on_open_connections() {
    let setup = setup();
    let jane = setup.clients.client("jane");
    assert_eq!(setup.ask(request(Some(&jane), &[])).await, user("jane", &[AUTHENTICATED]));

    let successor = Authority::new();
    let data = [("client-ca-file", successor.pem()), ("requestheader-client-ca-file", setup.proxy.pem())];
    let data = data.map(|(key, value)| (key.to_owned(), value)).into();
    setup.authenticator.0.current.update(&data, UnixTime::now());

    assert_eq!(setup.ask(request(Some(&jane), &[])).await, Err(401));
}

#[tokio::test]
async fn before_the_configuration_is_read_no_certificate_counts() {
    let setup = untrusting(Anonymous::Everywhere);
    let proxy = setup.proxy.client("front-proxy-client");
    assert_eq!(setup.ask(request(Some(&proxy), &SPOOF)).await, anonymous());
    assert!(setup.authenticator.obstacle().is_some());
}

#[tokio::test]
async fn strangers_are_let_in_where_the_options_say_so() {
    let nowhere = untrusting(Anonymous::Nowhere);
    assert_eq!(nowhere.ask(request(None, &[])).await, Err(401));
    let here = untrusting(Anonymous::On(vec!["/apis/example.com/v1".into()]));
    assert_eq!(here.ask(request(None, &[])).await, anonymous());
    let elsewhere = untrusting(Anonymous::On(vec!["/apis".into()]));
    assert_eq!(elsewhere.ask(request(None, &[])).await, Err(401));
}

#[tokio::test]
async fn proofs_are_gone_before_anybody_else_sees_the_request() {
    let setup = setup();
    let proxy = setup.proxy.client("front-proxy-client");
    let secrets = [("Authorization", "Bearer x"), ("X-Remote-Extra-Key", "v"), ("X-Remote-Uid", "1")];
    for identity in [None, Some(&proxy)] {
        let mut sent = [SPOOF.as_slice(), &secrets, &[("Accept", "*/*")]].concat();
        if identity.is_none() {
            sent.retain(|(name, _)| *name != "Authorization");
        }
        let mut parts = request(identity, &sent);
        setup.authenticator.authenticate(&mut parts).await.unwrap();
        let left: Vec<_> = parts.headers.keys().map(http::HeaderName::as_str).collect();
        assert_eq!(left, ["accept"]);
    }
}

#[tokio::test]
async fn direct_impersonation_is_refused() {
    let setup = setup();
    let jane = setup.clients.client("jane");
    for name in ["Impersonate-User", "impersonate-group", "Impersonate-Extra-Scopes", "Impersonate-Uid"] {
        assert_eq!(setup.ask(request(Some(&jane), &[(name, "x")])).await, Err(403), "{name}");
    }
}
