//! What `expectedJSON` lets through, and how much it reads for that.
use crate::{
    server::{Server, answer},
    world::{Case, MIB, World, noise},
};
use artifacts::Retry;
use crds::external_source::ExpectedValue;
use serde_json::json;

fn expecting_ok(server: &Server) -> Case {
    let ok = ExpectedValue { pointer: "/status".into(), equals: Some(json!("ok")), exists: None };
    Case::new(server.url("/data")).http(|http| http.expected_json = vec![ok])
}

#[tokio::test]
async fn json_that_is_as_expected_is_stored_whole() {
    let small = r#"{"status":"ok"}"#.to_owned();
    let large = format!(r#"{{"status":"ok","filler":"{}"}}"#, "x".repeat(3 << 20));
    for body in [small, large] {
        let sent = body.clone();
        let server = Server::http(move |_| answer(200, &[], sent.clone())).await;
        let world = World::new();
        let fetched = world.fetched(&expecting_ok(&server)).await;
        assert_eq!(world.files(&fetched).await, [("data".to_owned(), body.into_bytes())]);
    }
}

#[tokio::test]
async fn an_error_that_is_sent_as_a_success_is_not_stored() {
    for body in [r#"{"status":"canary-7f3a"}"#, r#"{"error":"canary-7f3a"}"#, "<html>canary-7f3a</html>", ""]
    {
        let server = Server::http(move |_| answer(200, &[], body)).await;
        let error = World::new().fails(&expecting_ok(&server)).await;
        assert_eq!((error.reason(), error.retry()), ("UnexpectedJSON", Retry::AtInterval));
        assert!(error.to_string().starts_with(&format!("the body from {} ", server.host())), "{error}");
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_to_look_into_is_told_as_that() {
    let server = Server::http(|_| answer(200, &[], noise(4 * MIB))).await;
    let error = World::new().fails(&expecting_ok(&server)).await;
    assert_eq!(error.reason(), "UnexpectedJSON", "noise is no JSON, and of the size that is still read");
    let wide = World::with_limit(6 * MIB);
    let server = Server::http(|_| answer(200, &[], noise(5 * MIB))).await;
    let error = wide.fails(&expecting_ok(&server)).await;
    assert!(error.to_string().contains("larger than 4 MiB"), "{error}");
}
