//! Bytes that go on: `GET` of a subresource which kube-apiserver lets run, and of one which it does not.
use crate::{
    api::{Call, GetRaw, Resource, Subresource},
    fixture::{Source, authenticate, authorize},
    object::Key,
    serve::{Body, empty, stream},
    server::{MaxInFlight, Server, SubresourceVerbs},
    status::Status,
    view::View,
};
use bytes::Bytes;
use futures::StreamExt;
use http::{Request, Response};
use http_body_util::BodyExt;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// `sources/NAME/log`, and `sources/NAME/dump`: a piece at once, and one a moment after the deadline. That of `endless` comes when the
/// server stops.
struct Pieces<const IS_LOG: bool>;

impl<const IS_LOG: bool> Resource for Pieces<IS_LOG> {
    type Object = Source;
}

impl<const IS_LOG: bool> Subresource for Pieces<IS_LOG> {
    type Parent = Source;
    const NAME: &'static str = if IS_LOG { "log" } else { "dump" };
}

impl<const IS_LOG: bool> GetRaw for Pieces<IS_LOG> {
    async fn get_raw(&self, call: &Call, key: &Key) -> Result<Response<Body>, Status> {
        let (is_endless, stopped) = (key.name == "endless", call.shutdown.clone());
        let late = call.deadline.min(Instant::now() + Duration::from_millis(100)) + Duration::from_millis(50);
        let last = async move {
            if is_endless {
                stopped.cancelled().await;
            } else {
                sleep_until(late).await;
            }
            Ok(Bytes::from_static(b"late"))
        };
        let first = futures::stream::iter([Ok(Bytes::from_static(b"soon "))]);
        Ok(Response::new(stream(first.chain(futures::stream::once(last)))))
    }
}

/// One request runs at a time.
fn server(stop: &CancellationToken) -> Server {
    let views = View::<Source>::mirrored();
    views.replace("1".parse().expect("a number"), []);
    Server::builder()
        .authenticator(authenticate)
        .authorizer(authorize)
        .max_in_flight(MaxInFlight { reads: 1, writes: 1, max_wait: Duration::ZERO })
        .shutdown(stop.clone())
        .resource(views, |verbs| {
            let verbs = verbs.get().subresource(Pieces::<true>, SubresourceVerbs::get_raw);
            verbs.subresource(Pieces::<false>, SubresourceVerbs::get_raw)
        })
        .build()
        .expect("a server")
}

async fn ask(server: &Server, path: &str) -> Response<Body> {
    let path = super::at(&format!("sources/{path}"));
    server.handle(Request::get(path).body(empty()).expect("a request")).await
}

#[tokio::test]
async fn the_deadline_cuts_bytes_but_not_those_of_a_log() {
    let server = server(&CancellationToken::new());
    let cut = ask(&server, "any/dump?timeout=100ms").await.into_body().collect().await;
    assert!(cut.is_err(), "a client must not take it for complete");
    let log = ask(&server, "any/log?timeout=100ms").await.into_body().collect().await.expect("all of it");
    assert_eq!(log.to_bytes(), "soon late");
}

#[tokio::test]
async fn a_log_holds_no_seat_and_is_told_when_the_server_stops() {
    let stop = CancellationToken::new();
    let server = server(&stop);
    let logs = [ask(&server, "endless/log").await, ask(&server, "endless/log").await];
    assert_eq!(ask(&server, "any/dump?timeout=100ms").await.status(), 200, "the one seat is free");
    stop.cancel();
    for log in logs {
        assert_eq!(log.into_body().collect().await.expect("all of it").to_bytes(), "soon late");
    }
}
