//! Redirects over real connections: what goes along, what stays at home, and where none leads.
use crate::{
    server::{Identity, Seen, Server, answer, redirect},
    world::{Case, World},
};
use artifacts::{Retry, pipeline::Outcome};

const TOKEN: (&str, &str) = ("Authorization", "Bearer canary-7f3a");

/// A source that redirects everything to where it points.
async fn pointing_to(status: u16, target: String) -> Server {
    Server::http(move |_| redirect(status, &target)).await
}

async fn data() -> Server {
    Server::http(|_| answer(200, &[], "data")).await
}

#[tokio::test]
async fn headers_of_the_secret_reach_the_source_and_no_other_origin() {
    let other = data().await;
    let source = pointing_to(302, other.url("/data")).await;
    World::new()
        .fetched(&Case::new(source.url("/start")).headers(&[TOKEN, ("X-Api-Key", "canary-7f3a")]))
        .await;
    let (first, second) = (&source.seen()[0], &other.seen()[0]);
    assert_eq!(
        (first.header("authorization"), first.header("x-api-key")),
        (Some(TOKEN.1), Some("canary-7f3a"))
    );
    assert!(!format!("{second:?}").contains("canary"), "{second:?}");
}

#[tokio::test]
async fn headers_stay_along_within_the_origin() {
    let source = Server::http(|seen: &Seen| match seen.target.as_str() {
        "/start" => redirect(301, "/data?x=1"),
        _ => answer(200, &[], "data"),
    })
    .await;
    World::new().fetched(&Case::new(source.url("/start")).headers(&[TOKEN])).await;
    let seen = source.seen();
    assert_eq!((seen[1].target.as_str(), seen[1].header("authorization")), ("/data?x=1", Some(TOKEN.1)));
    assert_eq!(seen[1].header("referer"), None);
}

#[tokio::test]
async fn headers_do_not_come_back_from_another_origin() {
    let other = Server::http(|seen: &Seen| {
        let (_, back) = seen.target.split_once("?to=").unwrap();
        redirect(302, back)
    })
    .await;
    let away = other.url("/");
    let source = Server::http(move |seen: &Seen| match seen.target.as_str() {
        "/start" => redirect(302, &format!("{away}?to=http://{}/data", seen.header("host").unwrap())),
        _ => answer(200, &[], "data"),
    })
    .await;
    World::new().fetched(&Case::new(source.url("/start")).headers(&[TOKEN])).await;
    assert_eq!(source.seen()[1].header("authorization"), None);
}

#[tokio::test]
async fn a_body_goes_along_only_where_the_code_says_so() {
    for (status, method, body) in
        [(303, "GET", ""), (302, "GET", ""), (307, "POST", "query"), (308, "POST", "query")]
    {
        let target = data().await;
        let source = pointing_to(status, target.url("/data")).await;
        let post = Case::new(source.url("/start")).http(|http| {
            http.method = "POST".into();
            http.body = Some("query".into());
        });
        World::new().fetched(&post).await;
        let seen = &target.seen()[0];
        assert_eq!((seen.method.as_str(), seen.body.as_ref()), (method, body.as_bytes()), "{status}");
    }
}

#[tokio::test]
async fn a_circle_and_an_endless_chain_are_refused() {
    let circle =
        Server::http(|seen: &Seen| redirect(302, if seen.target == "/a" { "/b" } else { "/a" })).await;
    let error = World::new().fails(&Case::new(circle.url("/a"))).await;
    assert_eq!((error.reason(), error.retry()), ("RedirectRefused", Retry::AtInterval));
    assert_eq!(error.to_string(), format!("{} redirects in a circle", circle.host()));
    assert_eq!(circle.seen().len(), 2);

    let chain = Server::http(|seen: &Seen| redirect(302, &format!("{}x", seen.target))).await;
    let error = World::new().fails(&Case::new(chain.url("/"))).await;
    assert_eq!(error.to_string(), format!("{} redirects more than 5 times", chain.host()));
    assert_eq!(chain.seen().len(), 6);
}

#[tokio::test]
async fn five_redirects_are_followed() {
    let chain = Server::http(|seen: &Seen| match seen.target.len() {
        6 => answer(200, &[], "data"),
        _ => redirect(302, &format!("{}x", seen.target)),
    })
    .await;
    World::new().fetched(&Case::new(chain.url("/"))).await;
}

#[tokio::test]
async fn https_is_not_left_for_http() {
    let plain = data().await;
    let target = plain.url("/data");
    let identity = Identity::new(&["127.0.0.1"], |_| {});
    let source = Server::https(&identity, move |_| redirect(302, &target)).await;
    let case = Case::new(source.url("/start")).ca_bundle(&identity.authority_pem);
    let error = World::new().fails(&case).await;
    assert_eq!(error.reason(), "RedirectRefused");
    assert!(error.to_string().contains("redirects from https to http"), "{error}");
    assert_eq!(plain.connections(), 0);
}

#[tokio::test]
async fn the_metadata_service_is_not_reached_by_a_redirect() {
    for target in
        ["http://169.254.169.254/latest/meta-data", "http://[::ffff:a9fe:a9fe]/", "http://0xa9fea9fe/"]
    {
        let source = pointing_to(302, target.into()).await;
        let error = World::new().fails(&Case::new(source.url("/start"))).await;
        assert_eq!((error.reason(), error.retry()), ("AddressRefused", Retry::AtInterval));
        let sentence = error.to_string();
        assert!(
            sentence.contains("169.254.169.254") && sentence.contains("cloud metadata address"),
            "{sentence}"
        );
        assert!(sentence.contains("--allow-egress 169.254.169.254/32"), "{sentence}");
        assert!(sentence.contains(&format!("(redirected from {})", source.host())), "{sentence}");
    }
}

#[tokio::test]
async fn redirects_can_be_switched_off_or_be_the_data() {
    let source = pointing_to(302, "/data".into()).await;
    let off = Case::new(source.url("/start")).http(|http| http.follow_redirects = Some(false));
    let error = World::new().fails(&off).await;
    assert_eq!(error.to_string(), format!("{} answered 302 Found", source.host()));
    let data = Case::new(source.url("/start")).http(|http| http.expected_status = Some(vec![302]));
    World::new().fetched(&data).await;
    assert_eq!(source.seen().len(), 2);
}

#[tokio::test]
async fn a_redirect_to_nowhere_is_an_unexpected_status() {
    let source = Server::http(|_| answer(302, &[], "")).await;
    let error = World::new().fails(&Case::new(source.url("/start"))).await;
    assert_eq!(error.reason(), "UnexpectedStatus");
}

#[tokio::test]
async fn the_condition_goes_along_to_where_the_data_lies() {
    let target = Server::http(|seen: &Seen| match seen.header("if-none-match") {
        Some(_) => answer(304, &[], ""),
        None => answer(200, &[("etag", r#""x""#)], "data"),
    })
    .await;
    let source = pointing_to(302, target.url("/data")).await;
    let (world, case) = (World::new(), Case::new(source.url("/start")));
    let first = world.fetched(&case).await;
    assert!(matches!(world.run_after(&case, &first).await, Ok(Outcome::NotModified { .. })));
}
