//! What a registry may answer, by a server that answers whatever a test says. Against a real one, the suite of the workspace fetches.
use crate::{
    server::{Answer, Identity, Seen, Server, answer, redirect},
    world::{Case, World},
};
use artifacts::{Digest, Retry, egress::EgressPolicy, pipeline::Outcome};
use crds::external_source::{LayerOperation, LayerSelector, OciReference};
use hyper::Method;
use std::sync::{Arc, OnceLock};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const TEXT: &[u8] = b"a: 1\n";

/// A manifest with one layer, which is that text.
fn manifest(layer: &Digest) -> String {
    format!(
        r#"{{"mediaType":"{MANIFEST}","layers":[{{"mediaType":"text/plain","digest":"{layer}","size":5}}]}}"#
    )
}

fn of_manifest(text: impl Into<String>) -> Answer {
    answer(200, &[("content-type", MANIFEST)], text.into())
}

/// What a registry has that holds one artifact, whatever it is called.
fn one(seen: &Seen) -> Answer {
    match seen.target.split_once("/acme/app/") {
        Some((_, what)) if what.starts_with("manifests/") => of_manifest(manifest(&Digest::of(TEXT))),
        Some((_, what)) if what.starts_with("blobs/") => answer(200, &[], TEXT),
        _ => answer(404, &[], ""),
    }
}

/// An artifact of the server, over http, whose layer is one file.
fn app(server: &Server) -> Case {
    let copy = LayerSelector { operation: Some(LayerOperation::Copy), ..Default::default() };
    Case::oci(server.url("").trim_end_matches('/'), |oci| oci.layer_selector = Some(copy))
}

fn reference(case: Case, change: impl FnOnce(&mut OciReference)) -> Case {
    let mut reference = OciReference::default();
    change(&mut reference);
    case.of_oci(|oci| oci.reference = Some(reference))
}

fn targets(server: &Server) -> Vec<String> {
    server.seen().into_iter().map(|seen| seen.target).collect()
}

#[tokio::test]
async fn a_layer_becomes_an_artifact_and_is_not_asked_for_again() {
    let server = Server::http(one).await;
    let (world, case) = (World::new(), app(&server));
    let first = world.fetched(&case).await;
    assert_eq!(world.files(&first).await, [("data".to_owned(), TEXT.to_vec())]);
    let digest = Digest::of(manifest(&Digest::of(TEXT)).as_bytes());
    assert_eq!(first.validators.etag, Some(digest.to_string()));
    assert!(
        first.origin.url.as_str().ends_with(&format!("/acme/app:latest@{digest}")),
        "{}",
        first.origin.url
    );
    let again = world.run_after(&case, &first).await.expect("the registry answers well");
    assert!(matches!(again, Outcome::NotModified { .. }));
    let layer = format!("/v2/acme/app/blobs/{}", Digest::of(TEXT));
    let tag = "/v2/acme/app/manifests/latest";
    assert_eq!(targets(&server), [tag, &layer, tag]);
}

#[tokio::test]
async fn what_has_another_digest_than_it_is_named_by_is_never_stored() {
    let tampered = Server::http(|seen: &Seen| match seen.target.contains("/blobs/") {
        true => answer(200, &[], "b: 2\n"),
        false => one(seen),
    })
    .await;
    let error = World::new().fails(&app(&tampered)).await;
    assert_eq!(error.reason(), "DigestMismatch");

    let honest = Server::http(one).await;
    let other = Digest::of(b"another").to_string();
    let error = World::new().fails(&reference(app(&honest), |wanted| wanted.digest = Some(other))).await;
    assert_eq!((error.reason(), targets(&honest).len()), ("DigestMismatch", 1));

    let contradicts = Server::http(|seen: &Seen| {
        let mut answer = one(seen);
        let digest = Digest::of(b"another").to_string();
        answer.headers_mut().insert("docker-content-digest", digest.parse().expect("a value"));
        answer
    })
    .await;
    assert_eq!(World::new().fails(&app(&contradicts)).await.reason(), "DigestMismatch");
}

#[tokio::test]
async fn a_manifest_that_cannot_be_used_says_why() {
    for (text, said) in [
        ("nonsense".to_owned(), "its manifest cannot be read"),
        (format!(r#"{{"mediaType":"{MANIFEST}","layers":[]}}"#), "it has no layer"),
        (format!(r#"{{"mediaType":"{MANIFEST}","layers":[],"manifests":[]}}"#), "an index as well"),
        (
            format!(r#"{{"mediaType":"{MANIFEST}","layers":[{{"mediaType":"a/b","digest":"sha512:00"}}]}}"#),
            "something else than a SHA-256",
        ),
        (
            format!(r#"{{"mediaType":"{MANIFEST}","layers":[{{"mediaType":"a/b","digest":"../x"}}]}}"#),
            "a SHA-256",
        ),
    ] {
        let server = Server::http(move |_| of_manifest(text.clone())).await;
        let error = World::new().fails(&app(&server)).await;
        assert!(error.to_string().contains(said), "{error}");
        assert_eq!((error.reason(), error.retry()), ("UnexpectedManifest", Retry::AtInterval));
        assert_eq!(targets(&server).len(), 1);
    }
    let endless = Server::http(|_| of_manifest("x".repeat(5 << 20))).await;
    assert_eq!(World::new().fails(&app(&endless)).await.reason(), "TooLarge");
}

/// A registry that wants `want` and says how to get it; `realm` gives it out.
fn guarded(want: &'static str, challenge: Arc<OnceLock<String>>) -> impl Fn(&Seen) -> Answer + Send + Sync {
    move |seen: &Seen| match seen.header("authorization") {
        Some(given) if given == want => one(seen),
        _ => answer(401, &[("www-authenticate", challenge.get().map_or("", |text| text))], ""),
    }
}

/// user `me`, password `canary-7f3a`
const BASIC: &str = "Basic bWU6Y2FuYXJ5LTdmM2E=";

#[tokio::test]
async fn a_registry_that_asks_for_a_password_gets_it_and_no_other_host_does() {
    let elsewhere = Server::http(|_| answer(200, &[], TEXT)).await;
    let there = elsewhere.url("/layer");
    let server = Server::http(move |seen: &Seen| match seen.header("authorization") {
        None => answer(401, &[("www-authenticate", "Basic realm=\"x\"")], ""),
        Some(BASIC) if seen.target.contains("/blobs/") => redirect(307, &there),
        Some(BASIC) => one(seen),
        Some(_) => answer(403, &[], ""),
    })
    .await;
    World::new().fetched(&app(&server).pull("me", "canary-7f3a")).await;
    assert_eq!(elsewhere.seen().len(), 1);
    assert_eq!(elsewhere.seen()[0].header("authorization"), None);
    let error = World::new().fails(&app(&server)).await;
    assert_eq!(error.reason(), "Unauthorized");
    assert!(error.to_string().contains("asks for credentials; name a Secret"), "{error}");
}

#[tokio::test]
async fn a_token_is_asked_for_where_the_registry_says() {
    let realm = Server::http(|seen: &Seen| match seen.header("authorization") {
        Some(BASIC) => answer(200, &[], r#"{"token":"t-1"}"#),
        None => answer(401, &[], ""),
        Some(_) => answer(403, &[], ""),
    })
    .await;
    let challenge = Arc::new(OnceLock::new());
    let text =
        format!("Bearer realm=\"{}\",service=\"reg\",scope=\"repository:all:push\"", realm.url("/token"));
    challenge.set(text).expect("once");
    let server = Server::http(guarded("Bearer t-1", challenge)).await;
    World::new().fetched(&app(&server).pull("me", "canary-7f3a")).await;
    assert_eq!(targets(&realm), ["/token?service=reg&scope=repository%3Aacme%2Fapp%3Apull"]);
    assert!(
        server.seen().iter().all(|seen| seen.header("authorization") != Some(BASIC)),
        "a token is enough"
    );

    let error = World::new().fails(&app(&server).pull("me", "canary-other")).await;
    assert_eq!((error.reason(), error.retry()), ("Unauthorized", Retry::AtInterval));
    assert!(error.to_string().ends_with("does not accept key password of Secret pull"), "{error}");
    assert!(!format!("{error:?} {}", telemetry::Chain(&error)).contains("canary"));
    assert_eq!(World::new().fails(&app(&server)).await.reason(), "Unauthorized");
}

#[tokio::test]
async fn an_identity_token_is_traded_for_a_token_in_a_body_and_shown_to_nobody_else() {
    let realm = Server::http(|seen: &Seen| match (&seen.method, &*seen.target) {
        (&Method::POST, "/token") if seen.body.ends_with(b"&refresh_token=canary%2B7f3a") => {
            answer(200, &[], r#"{"access_token":"t-1","refresh_token":"next"}"#)
        }
        _ => answer(401, &[], ""),
    })
    .await;
    let challenge = Arc::new(OnceLock::new());
    challenge.set(format!("Bearer realm=\"{}\",service=\"reg\"", realm.url("/token"))).expect("once");
    let server = Server::http(guarded("Bearer t-1", challenge)).await;
    World::new().fetched(&app(&server).login(&server.host(), "canary+7f3a")).await;
    let asked = realm.seen().remove(0);
    let form = "grant_type=refresh_token&client_id=postern&service=reg&scope=repository%3Aacme%2Fapp%3Apull";
    assert!(asked.body.starts_with(form.as_bytes()), "{:?}", asked.body);
    assert_eq!(asked.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(asked.header("authorization"), None);
    assert!(!format!("{:?}", server.seen()).contains("canary"));

    let error = World::new().fails(&app(&server).login(&server.host(), "canary-other")).await;
    assert!(error.to_string().ends_with("does not accept key .dockerconfigjson of Secret pull"), "{error}");
    let basic = Server::http(|_| answer(401, &[("www-authenticate", "Basic realm=\"x\"")], "")).await;
    let error = World::new().fails(&app(&basic).login(&basic.host(), "canary+7f3a")).await;
    assert!(error.to_string().contains("where the Secret holds an identity token"), "{error}");
    assert!(!format!("{error:?}").contains("canary"));
}

#[tokio::test]
async fn a_token_that_ended_is_asked_for_once_more() {
    let realm = Server::http(|_| answer(200, &[], r#"{"access_token":"t"}"#)).await;
    let challenge = format!("Bearer realm=\"{}\"", realm.url("/token"));
    let server = Server::http(move |seen: &Seen| match seen.header("authorization") {
        Some("Bearer t") if !seen.target.contains("/blobs/") => one(seen),
        _ => answer(401, &[("www-authenticate", &challenge)], ""),
    })
    .await;
    let error = World::new().fails(&app(&server)).await;
    assert_eq!(error.reason(), "Unauthorized");
    assert_eq!(realm.seen().len(), 2, "one for the manifest, one for the layer, and then it is over");
}

#[tokio::test]
async fn no_credentials_go_where_they_must_not() {
    for (challenge, said) in [
        ("Bearer realm=\"http://127.0.0.1:1/token\"", "over http"),
        ("Bearer realm=\"https://me:canary@127.0.0.1:1/\"", "with a user or password in it"),
        ("Negotiate", "neither Basic nor Bearer"),
    ] {
        let identity = Identity::new(&["127.0.0.1"], |_| {});
        let server =
            Server::https(&identity, move |_| answer(401, &[("www-authenticate", challenge)], "")).await;
        let case = app(&server).pull("me", "canary-7f3a").authority(&identity.authority_pem);
        let error = World::new().fails(&case).await;
        assert!(error.to_string().contains(said), "{error}");
        assert_eq!(error.reason(), "Unauthorized");
    }
}

#[tokio::test]
async fn the_address_for_tokens_is_one_that_may_be_reached() {
    let challenge = "Bearer realm=\"http://169.254.169.254/token\"";
    let server = Server::http(move |_| answer(401, &[("www-authenticate", challenge)], "")).await;
    let error = World::new().fails(&app(&server).pull("me", "canary-7f3a")).await;
    assert_eq!(error.reason(), "AddressRefused");
    let closed = World::with_policy(EgressPolicy::new(vec![], vec![]));
    assert_eq!(closed.fails(&app(&server)).await.reason(), "AddressRefused");
}

#[tokio::test]
async fn the_newest_version_is_found_on_any_page() {
    let server = Server::http(|seen: &Seen| match seen.target.split_once("/tags/list?") {
        Some((_, "n=1000")) => {
            let link = ("link", "</v2/acme/app/tags/list?last=b>; rel=\"next\"");
            answer(200, &[link], r#"{"tags":["latest","v1.2.0","2.0.0","1.9.0-rc.1"]}"#)
        }
        Some(_) => answer(200, &[], r#"{"tags":["1.10.0","1.9.0"]}"#),
        None => one(seen),
    })
    .await;
    let semver = |range: &str, filter: Option<&str>| {
        reference(app(&server), |wanted| {
            wanted.semver = Some(range.into());
            wanted.semver_filter = filter.map(str::to_owned);
        })
    };
    for (range, filter, tag) in
        [("1.x", None, "1.10.0"), ("<1.9", None, "v1.2.0"), ("*", Some("^1\\.9"), "1.9.0")]
    {
        let fetched = World::new().fetched(&semver(range, filter)).await;
        assert!(fetched.origin.url.path().contains(&format!(":{tag}@")), "{}", fetched.origin.url);
    }
    let error = World::new().fails(&semver("3.x", None)).await;
    assert_eq!((error.reason(), error.retry()), ("NotFound", Retry::AtInterval));
    assert!(error.to_string().contains("has no tag in the range 3.x"), "{error}");
}

#[tokio::test]
async fn a_listing_that_does_not_end_is_given_up() {
    let server = Server::http(|seen: &Seen| {
        let next = format!("<{}1>; rel=\"next\"", seen.target);
        answer(200, &[("link", &next)], r#"{"tags":["1.0.0"]}"#)
    })
    .await;
    let error = World::new().fails(&reference(app(&server), |wanted| wanted.semver = Some("*".into()))).await;
    assert_eq!(error.reason(), "UnexpectedManifest");
    assert_eq!(server.seen().len(), 20);
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let server = Server::http(|_| answer(404, &[], "")).await;
    let error = World::new().fails(&reference(app(&server), |wanted| wanted.tag = Some("v9".into()))).await;
    assert_eq!((error.reason(), error.retry()), ("NotFound", Retry::AtInterval));
    assert!(error.to_string().ends_with("has no tag v9 in this repository"), "{error}");
}
