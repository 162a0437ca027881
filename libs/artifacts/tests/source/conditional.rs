//! Conditional requests: when they are sent, and what an answer is believed.
use crate::{
    server::{Seen, Server, answer},
    world::{Case, World},
};
use artifacts::pipeline::{Fetched, Outcome, Validators};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// A source with a validator that answers 304 to whoever shows it.
async fn source(name: &'static str, validator: &'static str, condition: &'static str) -> Server {
    Server::http(move |seen: &Seen| match seen.header(condition) {
        Some(shown) if shown == validator => answer(304, &[(name, validator), ("retry-after", "7")], ""),
        _ => answer(200, &[(name, validator)], "data"),
    })
    .await
}

async fn second_pass(world: &World, case: &Case, first: &Fetched) -> Option<Duration> {
    match world.run_after(case, first).await.expect("the source answers well") {
        Outcome::NotModified { pause, .. } => pause,
        Outcome::Fetched(_) => panic!("the source had nothing new"),
    }
}

#[tokio::test]
async fn etags_are_shown_as_the_server_wrote_them() {
    for etag in [r#""strong""#, r#"W/"weak""#, "unquoted", r#""a\"b""#] {
        let server = source("etag", etag, "if-none-match").await;
        let (world, case) = (World::new(), Case::new(server.url("/data")));
        let first = world.fetched(&case).await;
        assert_eq!(first.validators, Validators { etag: Some(etag.into()), last_modified: None });
        assert_eq!(second_pass(&world, &case, &first).await, Some(Duration::from_secs(7)));
        assert_eq!(server.seen()[1].header("if-none-match"), Some(etag));
    }
}

#[tokio::test]
async fn without_an_etag_the_date_is_shown() {
    let date = "Fri, 06 Nov 2026 08:49:37 GMT";
    let server = source("last-modified", date, "if-modified-since").await;
    let (world, case) = (World::new(), Case::new(server.url("/data")));
    let first = world.fetched(&case).await;
    second_pass(&world, &case, &first).await;
    assert_eq!(server.seen()[1].header("if-modified-since"), Some(date));
}

#[tokio::test]
async fn with_an_etag_the_date_is_not_shown() {
    let headers = [("etag", r#""x""#), ("last-modified", "Fri, 06 Nov 2026 08:49:37 GMT")];
    let server = Server::http(move |_| answer(200, &headers, "data")).await;
    let (world, case) = (World::new(), Case::new(server.url("/data")));
    let first = world.fetched(&case).await;
    world.run_after(&case, &first).await.expect("the source answers well");
    let second = &server.seen()[1];
    assert_eq!((second.header("if-none-match"), second.header("if-modified-since")), (Some(r#""x""#), None));
}

#[tokio::test]
async fn a_new_body_under_an_old_etag_is_believed_by_its_bytes() {
    let count = Arc::new(AtomicUsize::new(0));
    let body = move |_: &Seen| {
        let n = count.fetch_add(1, Ordering::Relaxed);
        answer(200, &[("etag", r#""always the same""#)], format!("data {}", n / 2))
    };
    let server = Server::http(body).await;
    let (world, case) = (World::new(), Case::new(server.url("/data")));
    let first = world.fetched(&case).await;
    for (changed, stored) in [(false, 1), (true, 2)] {
        let Outcome::Fetched(next) = world.run_after(&case, &first).await.unwrap() else {
            panic!("a body came")
        };
        assert_eq!((next.changed, next.blob.key == first.blob.key), (changed, !changed));
        assert_eq!(world.store().list(None).await.unwrap().len(), stored);
    }
}

#[tokio::test]
async fn nothing_is_shown_while_nothing_is_stored() {
    let server = source("etag", r#""x""#, "if-none-match").await;
    let (world, case) = (World::new(), Case::new(server.url("/data")));
    let first = world.fetched(&case).await;
    let again = world.run_knowing(&case, Some(&first.validators), None).await.unwrap();
    assert!(matches!(again, Outcome::Fetched(_)));
    assert_eq!(server.seen()[1].header("if-none-match"), None);
}

#[tokio::test]
async fn only_requests_that_read_are_conditional() {
    let server = Server::http(|seen: &Seen| {
        let status = if seen.header("if-none-match").is_some() { 412 } else { 200 };
        answer(status, &[("etag", r#""x""#)], "data")
    })
    .await;
    let case = Case::new(server.url("/query")).http(|http| http.method = "POST".into());
    let world = World::new();
    let first = world.fetched(&case).await;
    assert!(matches!(world.run_after(&case, &first).await, Ok(Outcome::Fetched(next)) if !next.changed));
}

#[tokio::test]
async fn validators_that_cannot_be_kept_are_not() {
    let long = format!("\"{}\"", "x".repeat(2000));
    let server =
        Server::http(move |_| answer(200, &[("etag", long.as_str()), ("last-modified", "")], "data")).await;
    let fetched = World::new().fetched(&Case::new(server.url("/data"))).await;
    assert_eq!(fetched.validators, Validators::default());
}

#[tokio::test]
async fn an_equal_body_keeps_the_stored_blob() {
    let server = Server::http(|_| answer(200, &[("ratelimit", r#""hour";r=0;t=60"#)], "data")).await;
    let (world, case) = (World::new(), Case::new(server.url("/data")));
    let first = world.fetched(&case).await;
    assert!(first.changed);
    let Outcome::Fetched(second) = world.run_after(&case, &first).await.unwrap() else {
        panic!("a body came")
    };
    assert_eq!((second.changed, &second.blob), (false, &first.blob));
    assert_eq!(second.pause, Some(Duration::from_secs(60)), "a good answer may ask for a pause, too");
}

#[tokio::test]
async fn a_lost_blob_is_stored_again() {
    let server = Server::http(|_| answer(200, &[], "data")).await;
    let (world, case) = (World::new(), Case::new(server.url("/data")));
    let first = world.fetched(&case).await;
    world.store().remove(&first.blob.key).await.unwrap();
    world.run_after(&case, &first).await.unwrap();
    assert!(world.store().stat(&first.blob.key).await.unwrap().is_some());
}
