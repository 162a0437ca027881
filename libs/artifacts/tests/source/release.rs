//! Releases, by servers that speak as GitHub, GitLab and Gitea document it, and by some that do not.
use crate::{
    server::{Answer, Seen, Server, answer, redirect, with_body},
    world::{Case, World},
};
use artifacts::{Digest, Retry, pipeline::Outcome};
use bytes::Bytes;
use crds::external_source::{ReleaseGenerator, ReleaseProvider};
use futures::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

const TOKEN: &str = "canary-5d1c";

fn case(server: &Server, change: impl FnOnce(&mut ReleaseGenerator)) -> Case {
    Case::release(server.url("/api"), TOKEN, change)
}

fn github_asset(id: u64, name: &str) -> Value {
    json!({ "id": id, "name": name, "state": "uploaded", "updated_at": "2026-01-01T00:00:00Z", "digest": null })
}

fn github_release(tag: &str, assets: &[Value]) -> Value {
    json!({ "tag_name": tag, "draft": false, "prerelease": false, "assets": assets })
}

fn page(releases: &[Value]) -> Answer {
    answer(200, &[("content-type", "application/json")], Value::from(releases).to_string())
}

fn hex(text: &str) -> String {
    Digest::of(text.as_bytes()).to_string().rsplit(':').next().unwrap_or_default().to_owned()
}

/// As GitHub: listed on two pages, and an asset lies at another host.
async fn github(files: Server) -> (Server, Server) {
    let at = files.url("");
    let server = Server::http(move |seen: &Seen| {
        if let Some(id) = seen.target.strip_prefix("/api/repos/acme/shop/releases/assets/") {
            return match seen.header("accept") {
                Some("application/octet-stream") => redirect(302, &format!("{at}/{id}")),
                _ => answer(200, &[("content-type", "application/json")], "{}"),
            };
        }
        let old = github_release("v1.0.0", &[github_asset(1, "app.yaml"), github_asset(2, "crds.yaml")]);
        let new = github_release("v1.2.0", &[github_asset(3, "app.yaml"), github_asset(4, "crds.yaml")]);
        match seen.target.as_str() {
            "/api/repos/acme/shop/releases?per_page=50&page=1" => {
                let mut first = page(&[old, github_release("nightly", &[])]);
                let next = "<https://elsewhere.example/2>; rel=\"next\"".parse().unwrap();
                first.headers_mut().insert("link", next);
                first
            }
            "/api/repos/acme/shop/releases?per_page=50&page=2" => page(&[new]),
            _ => answer(404, &[], ""),
        }
    })
    .await;
    (server, files)
}

async fn files() -> Server {
    Server::http(|seen: &Seen| answer(200, &[], format!("asset {}\n", seen.target.trim_start_matches('/'))))
        .await
}

#[tokio::test]
async fn the_newest_asset_comes_from_wherever_it_lies_and_the_token_goes_to_the_api_alone() {
    let (server, files) = github(files().await).await;
    let (world, case) = (World::new(), case(&server, |_| {}));
    let first = world.fetched(&case).await;
    assert_eq!(world.files(&first).await, [("data".to_owned(), b"asset 3\n".to_vec())]);
    for seen in server.seen() {
        assert_eq!(seen.header("authorization"), Some("Bearer canary-5d1c"), "{}", seen.target);
        assert_eq!(seen.header("x-github-api-version"), Some("2022-11-28"));
    }
    for seen in files.seen() {
        assert!(!format!("{seen:?}").contains(TOKEN), "{seen:?}");
    }
    let again = world.run_after(&case, &first).await.expect("the source answers well");
    assert!(matches!(again, Outcome::NotModified { .. }));
    assert_eq!(files.seen().len(), 1, "what is known is not asked for again");
}

#[tokio::test]
async fn several_assets_are_files_of_one_artifact() {
    let (server, _files) = github(files().await).await;
    let world = World::new();
    let case = case(&server, |release| {
        (release.asset, release.assets) = (None, vec!["*.yaml".into()]);
        release.semver = Some("=1.0.0".into());
    });
    let fetched = world.fetched(&case).await;
    let expected = [("app.yaml", "asset 1\n"), ("crds.yaml", "asset 2\n")];
    assert_eq!(
        world.files(&fetched).await,
        expected.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()))
    );
    let again = world.run_after(&case, &fetched).await.expect("the source answers well");
    assert!(matches!(again, Outcome::NotModified { .. }));
}

/// Two pages with an ETag each, which are told again only to who does not know them; the second one holds a release with that tag.
async fn conditional(second: &Arc<Mutex<(&'static str, &'static str)>>) -> Server {
    let second = Arc::clone(second);
    Server::http(move |seen: &Seen| {
        if seen.target.contains("/assets/") {
            return answer(200, &[], "data");
        }
        let (tag, mark) = *second.lock().unwrap();
        let (etag, mut listed) = match seen.target.ends_with("page=1") {
            true => ("W/\"1\"", page(&[github_release("v1.0.0", &[github_asset(1, "app.yaml")])])),
            false => (mark, page(&[github_release(tag, &[github_asset(2, "app.yaml")])])),
        };
        if seen.header("if-none-match") == Some(etag) {
            return answer(304, &[("etag", etag), ("retry-after", "7")], "");
        }
        listed.headers_mut().insert("etag", etag.parse().unwrap());
        if etag == "W/\"1\"" {
            listed.headers_mut().insert("link", "<https://a.example/>; rel=\"next\"".parse().unwrap());
        }
        listed
    })
    .await
}

/// The conditions of the requests since that many.
fn conditions(server: &Server, since: usize) -> Vec<Option<String>> {
    server.seen()[since..].iter().map(|seen| seen.header("if-none-match").map(str::to_owned)).collect()
}

#[tokio::test]
async fn pages_that_are_known_are_not_told_again() {
    let second = Arc::new(Mutex::new(("v1.1.0", "\"2\"")));
    let server = conditional(&second).await;
    let (world, case) = (World::new(), case(&server, |_| {}));
    let first = world.fetched(&case).await;
    let known = ["W/\"1\"", "\"2\""].map(|etag| Some(etag.to_owned()));
    for pass in 0..2 {
        let asked = server.seen().len();
        match world.run_after(&case, &first).await.expect("the API answers well") {
            Outcome::NotModified { pause, validators } => {
                assert_eq!((pause, validators), (Some(Duration::from_secs(7)), None), "pass {pass}");
            }
            Outcome::Fetched(_) => panic!("nothing is new"),
        }
        assert_eq!(conditions(&server, asked), known);
    }

    // Another list that leads to the same assets is what is known from now on.
    *second.lock().unwrap() = ("v1.1.0", "\"3\"");
    let asked = server.seen().len();
    let Ok(Outcome::NotModified { validators: Some(next), .. }) = world.run_after(&case, &first).await else {
        panic!("the assets are the same");
    };
    assert!(next != first.validators && next.etag.as_ref().is_some_and(|etag| etag.ends_with(" \"3\"")));
    assert_eq!(conditions(&server, asked), [&known[..], &[None, None]].concat());

    // A release that is better is fetched.
    *second.lock().unwrap() = ("v1.2.0", "\"4\"");
    let Ok(Outcome::Fetched(newer)) = world.run_after(&case, &first).await else { panic!("it is new") };
    assert_ne!(newer.validators.etag, first.validators.etag);
}

#[tokio::test]
async fn a_full_page_says_nothing_of_what_follows() {
    let full: Vec<_> = (0..50)
        .map(|number| github_release(&format!("v1.{number}.0"), &[github_asset(number, "app.yaml")]))
        .collect();
    let server = Server::http(move |seen: &Seen| match seen.target.rsplit('=').next() {
        Some("1") => {
            let mut listed = page(&full);
            listed.headers_mut().insert("etag", "\"1\"".parse().unwrap());
            listed.headers_mut().insert("link", "<https://a.example/>; rel=\"prev\"".parse().unwrap());
            listed
        }
        _ => answer(200, &[], "data"),
    })
    .await;
    let (world, case) = (World::new(), case(&server, |_| {}));
    let first = world.fetched(&case).await;
    let again = world.run_after(&case, &first).await.expect("the API answers well");
    assert!(matches!(again, Outcome::NotModified { validators: None, .. }));
    assert!(
        conditions(&server, 0).iter().all(Option::is_none),
        "a release could follow without a change of this page"
    );
}

#[tokio::test]
async fn one_release_is_asked_for_by_its_tag() {
    let server = Server::http(|seen: &Seen| match seen.target.as_str() {
        "/api/repos/acme/shop/releases/tags/tool%2Fnightly" if seen.header("if-none-match").is_some() => {
            answer(304, &[], "")
        }
        "/api/repos/acme/shop/releases/tags/tool%2Fnightly" => {
            let release = github_release("tool/nightly", &[github_asset(1, "app.yaml")]);
            answer(200, &[("etag", "\"1\"")], release.to_string())
        }
        "/api/repos/acme/shop/releases/assets/1" => answer(200, &[], "data"),
        _ => answer(404, &[], ""),
    })
    .await;
    let (world, case_of) =
        (World::new(), |tag: &str| case(&server, |release| release.tag = Some(tag.into())));
    let case = case_of("tool/nightly");
    let first = world.fetched(&case).await;
    assert_eq!(world.files(&first).await, [("data".to_owned(), b"data".to_vec())]);
    let again = world.run_after(&case, &first).await.expect("the API answers well");
    assert!(matches!(again, Outcome::NotModified { .. }));
    assert_eq!(server.seen().len(), 3, "one request each, and the asset");
    let error = World::new().fails(&case_of("v9")).await;
    assert_eq!(error.reason(), "NotFound");
    assert!(error.to_string().ends_with("has no release with the tag v9 in this repository"), "{error}");
}

/// A release with one asset `app`, what is said of it, and a list of checksums.
async fn told(digest: Option<String>, list: String) -> Server {
    Server::http(move |seen: &Seen| {
        let app = json!({ "id": 1, "name": "app", "digest": digest });
        match seen.target.rsplit('/').next() {
            Some("1") => answer(200, &[], "the app"),
            Some("2") => answer(200, &[], list.clone()),
            _ => page(&[github_release("1.0.0", &[app, github_asset(2, "SHA256SUMS")])]),
        }
    })
    .await
}

#[tokio::test]
async fn what_is_told_of_an_asset_must_be_so() {
    let (good, bad) = (hex("the app"), hex("another app"));
    let line = |hex: &str, name: &str| format!("{}  other\n{hex}  ./{name}\n", "0".repeat(64));
    for (digest, list, reason) in [
        (Some(format!("sha256:{good}")), line(&good, "app"), None),
        (None, line(&good, "app"), None),
        (Some("sha512:00".to_owned()), line(&good, "app"), None),
        (Some(format!("sha256:{bad}")), line(&good, "app"), Some("DigestMismatch")),
        (None, line(&bad, "app"), Some("DigestMismatch")),
        (Some(format!("sha256:{good}")), line(&bad, "app"), Some("DigestMismatch")),
        (None, line(&good, "App"), Some("DigestMismatch")),
        (None, String::new(), Some("DigestMismatch")),
        (None, "x".repeat(2 << 20), Some("TooLarge")),
    ] {
        let server = told(digest.clone(), list.clone()).await;
        for assets in [false, true] {
            let case = case(&server, |release| {
                release.checksums = Some("SHA256SUMS".into());
                release.asset = Some("app".into());
                if assets {
                    release.assets = release.asset.take().into_iter().collect();
                }
            });
            let world = World::new();
            match reason {
                None => drop(world.fetched(&case).await),
                Some(reason) => assert_eq!(world.fails(&case).await.reason(), reason, "{digest:?} {assets}"),
            }
        }
    }
    let server = told(Some(format!("sha256:{bad}")), String::new()).await;
    let error = World::new().fails(&case(&server, |release| release.asset = Some("app".into()))).await;
    assert_eq!(error.reason(), "DigestMismatch", "without any list: {error}");
}

#[tokio::test]
async fn gitlab_and_gitea_are_asked_in_their_own_words_and_links_elsewhere_without_the_token() {
    let elsewhere = files().await;
    let link = elsewhere.url("/file");
    let server = Server::http(move |seen: &Seen| {
        let link = json!({ "id": 1, "uuid": "u", "size": 1, "name": "app.yaml", "url": link, "browser_download_url": link });
        match seen.target.as_str() {
            "/api/projects/acme%2Fgroup%2Fshop/releases?per_page=50&page=1" => {
                page(&[json!({ "tag_name": "v1.0.0", "upcoming_release": false, "assets": { "links": [link] } })])
            }
            "/api/repos/acme/shop/releases?limit=50&page=1" => page(&[github_release("v1.0.0", &[link])]),
            _ => answer(404, &[], ""),
        }
    })
    .await;
    for (provider, repository, header, value) in [
        (ReleaseProvider::Gitlab, "acme/group/shop", "private-token", TOKEN.to_owned()),
        (ReleaseProvider::Gitea, "acme/shop", "authorization", format!("token {TOKEN}")),
    ] {
        let case =
            case(&server, |release| (release.provider, release.repository) = (provider, repository.into()));
        let world = World::new();
        let fetched = world.fetched(&case).await;
        assert_eq!(world.files(&fetched).await, [("data".to_owned(), b"asset file\n".to_vec())]);
        assert_eq!(server.seen().pop().expect("asked").header(header), Some(value.as_str()));
    }
    assert!(elsewhere.seen().iter().all(|seen| !format!("{seen:?}").contains(TOKEN)));
}

#[tokio::test]
async fn an_api_that_answers_badly_is_told_of_and_never_what_it_said() {
    let missing = |problem: &'static str| (problem, "NotFound", Retry::AtInterval);
    for (respond, (told, reason, retry)) in [
        (page(&[]), missing("has no release with a version that is wanted")),
        (
            page(&[github_release("v1.0.0", &[])]),
            missing("has no asset app.yaml in the release that is wanted"),
        ),
        (
            answer(200, &[], "<html>canary-5d1c"),
            ("is no list of releases", "UnexpectedJSON", Retry::AtInterval),
        ),
        (answer(200, &[], "[".repeat(9 << 20)), ("larger than", "TooLarge", Retry::AtInterval)),
        (answer(401, &[], "canary-5d1c"), ("answered 401", "Unauthorized", Retry::AtInterval)),
        (
            answer(403, &[("x-ratelimit-remaining", "0"), ("retry-after", "60")], "canary-5d1c"),
            ("answered 403", "RateLimited", Retry::Soon),
        ),
        (
            redirect(302, "http://169.254.169.254/"),
            ("may not be reached", "AddressRefused", Retry::AtInterval),
        ),
    ] {
        let respond = std::sync::Mutex::new(Some(respond));
        let server = Server::http(move |_: &Seen| {
            respond.lock().unwrap().take().unwrap_or_else(|| answer(500, &[], ""))
        })
        .await;
        let error = World::new().fails(&case(&server, |_| {})).await;
        let said = error.to_string();
        assert!(said.contains(told) && !said.contains("canary"), "{told}: {said}");
        assert_eq!((error.reason(), error.retry()), (reason, retry), "{said}");
    }
}

#[tokio::test]
async fn pages_without_end_are_read_no_further_than_a_thousand_releases() {
    let server = Server::http(|seen: &Seen| {
        if seen.target.contains("/assets/") {
            return answer(200, &[], "data");
        }
        let mut page = page(&[github_release("v1.0.0", &[github_asset(1, "app.yaml")])]);
        page.headers_mut().insert("link", "<https://a.example/>; rel=\"next\"".parse().unwrap());
        page
    })
    .await;
    World::new().fetched(&case(&server, |_| {})).await;
    assert_eq!(server.seen().len(), 21, "twenty pages and the asset");
}

#[tokio::test]
async fn an_asset_that_cannot_be_a_file_makes_no_artifact() {
    for (name, body, reason) in [("..", "data", "UnsafeArchive"), ("a\\b", "data", "UnsafeArchive")] {
        let server = Server::http(move |seen: &Seen| match seen.target.contains("/assets/") {
            true => answer(200, &[], body),
            false => page(&[github_release("v1.0.0", &[github_asset(1, name)])]),
        })
        .await;
        let many = case(&server, |release| (release.asset, release.assets) = (None, vec!["*".into()]));
        assert_eq!(World::new().fails(&many).await.reason(), reason, "{name}");
    }
}

/// Sent in pieces, so that nobody says how long it will be.
#[tokio::test]
async fn an_asset_of_unknown_length_is_a_file_too() {
    let server = Server::http(|seen: &Seen| match seen.target.contains("/assets/") {
        true => {
            let pieces = ["a: ", "1\n"].map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes()))));
            with_body(200, &[], BodyExt::boxed(StreamBody::new(stream::iter(pieces))))
        }
        false => page(&[github_release("v1.0.0", &[github_asset(1, "app.yaml"), github_asset(2, "b")])]),
    })
    .await;
    let world = World::new();
    let fetched = world
        .fetched(&case(&server, |release| (release.asset, release.assets) = (None, vec!["*".into()])))
        .await;
    let expected = ["app.yaml", "b"].map(|name| (name.to_owned(), b"a: 1\n".to_vec()));
    assert_eq!(world.files(&fetched).await, expected);
}
