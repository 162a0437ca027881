//! A canary in every place that may hold a secret: it reaches the source and shows up nowhere else.
use crate::{
    server::{Seen, Server, answer, redirect},
    world::{Case, World},
};
use artifacts::Error;
use std::fmt::Write;

const CANARY: &str = "canary-7f3a";

/// A canary in path, query, body and header.
fn case(server: &Server) -> Case {
    let case = Case::new(server.url("/canary-7f3a?token=canary-7f3a")).http(|http| {
        http.method = "POST".into();
        http.body = Some("password=canary-7f3a".into());
    });
    case.headers(&[("Authorization", "Bearer canary-7f3a")]).timeout("1s")
}

/// Everything that could be printed of an error.
fn printed(error: &Error) -> String {
    let mut all = String::new();
    write!(all, "{error} {error:?} {error:#?} {} {}", telemetry::Chain(error), error.reason()).unwrap();
    all
}

#[tokio::test]
async fn an_error_holds_no_secret() {
    let canary = || answer(401, &[("www-authenticate", CANARY), ("content-type", CANARY)], CANARY);
    let refusing = Server::http(move |_| canary()).await;
    let lost = Server::http(|_| redirect(302, "http://canary-7f3a@127.0.0.1/canary-7f3a")).await;
    let silent = Server::raw(|stream| async move {
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        drop(stream);
    })
    .await;
    let breaking = Server::raw(|stream| async move { drop(stream) }).await;
    for server in [refusing, lost, silent, breaking] {
        let error = World::new().fails(&case(&server)).await;
        assert!(!printed(&error).contains(CANARY), "{}", printed(&error));
    }
}

#[tokio::test]
async fn a_plan_shows_no_secret_and_the_source_gets_it() {
    let server = Server::http(|_| answer(200, &[], "data")).await;
    let case = case(&server);
    let shown = format!("{:?} {:?}", case.plan().unwrap(), case.secrets);
    assert!(!shown.contains(CANARY), "{shown}");
    World::new().fetched(&case).await;
    let Seen { target, headers, body, .. } = &server.seen()[0];
    assert!(target.contains(CANARY) && headers["authorization"] == "Bearer canary-7f3a");
    assert_eq!(body.as_ref(), b"password=canary-7f3a");
}

#[tokio::test]
async fn the_body_of_a_secret_reaches_the_source_alone() {
    let server = Server::http(|_| answer(200, &[], "data")).await;
    let case = Case::new(server.url("/")).secret_body(CANARY);
    World::new().fetched(&case).await;
    assert_eq!(
        (server.seen()[0].method.as_str(), server.seen()[0].body.as_ref()),
        ("POST", CANARY.as_bytes())
    );

    let target = server.url("/data");
    let leading = Server::http(move |_| redirect(307, &target)).await;
    let error = World::new().fails(&Case::new(leading.url("/")).secret_body(CANARY)).await;
    let problem = "redirects to another origin, which may not see the body of bodySecretRef";
    assert_eq!(error.to_string(), format!("{} {problem}", leading.host()));
    assert!(!printed(&error).contains(CANARY) && server.seen().len() == 1, "{}", printed(&error));
}

#[tokio::test]
async fn a_request_carries_what_the_spec_says_and_nothing_of_this_machine() {
    let server = Server::http(|_| answer(200, &[], "data")).await;
    World::new().fetched(&Case::new(server.url("/data"))).await;
    let seen = &server.seen()[0];
    let mut names: Vec<&str> = seen.headers.keys().map(hyper::header::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["accept", "accept-encoding", "host", "user-agent"]);
    assert_eq!(seen.header("accept-encoding"), Some("identity"));
    assert_eq!(seen.header("user-agent"), Some(concat!("postern/", env!("CARGO_PKG_VERSION"))));
}

#[tokio::test]
async fn a_secret_may_replace_what_is_only_a_default() {
    let server = Server::http(|_| answer(200, &[], "data")).await;
    let headers = [("Accept", "application/json"), ("User-Agent", "curl/8")];
    World::new().fetched(&Case::new(server.url("/data")).headers(&headers)).await;
    let seen = &server.seen()[0];
    assert_eq!(
        (seen.header("accept"), seen.header("user-agent")),
        (Some("application/json"), Some("curl/8"))
    );
}
