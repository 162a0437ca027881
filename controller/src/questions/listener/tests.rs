//! Who is let in, on a real socket, with a kube-apiserver that knows one token and one right.
use super::*;
use crate::questions::Metrics;
use extension_apiserver::serve::{Limits, serve};
use futures::{FutureExt, StreamExt, future::BoxFuture, stream};
use http_body_util::BodyExt;
use kube::client::Body as Sent;
use previews::{
    Answer, Refusal,
    logs::{Lines, Wanted},
};
use prometheus_client::{encoding::text::encode, registry::Registry};
use serde_json::{Value, json};
use std::{convert::Infallible, net::SocketAddr};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::{CancellationToken, DropGuard};

const ASKED: &str = r#"{"kind":"K","namespace":"apps","name":"one","spec":{"a":1}}"#;

/// What kube-apiserver answers: `ours` and `theirs` are tokens of ServiceAccounts made for us, `old` one for itself; only the
/// bearer of `ours` may ask for previews, and that of `reader` for logs.
async fn reviewed(request: Request<Sent>) -> Result<Response<Sent>, Infallible> {
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await.expect("a body").to_bytes();
    let mut review: Value = serde_json::from_slice(&body).expect("a review");
    let spec = review["spec"].clone();
    review["status"] = if path.ends_with("/tokenreviews") {
        let token = spec["token"].as_str().unwrap_or_default().to_owned();
        let is_known = ["ours", "reader", "theirs", "old"].contains(&&*token);
        let audiences =
            if token == "old" { json!(["https://kubernetes"]) } else { spec["audiences"].clone() };
        json!({ "authenticated": is_known, "user": { "username": token }, "audiences": audiences })
    } else {
        let wanted = &spec["resourceAttributes"];
        let is_right = (&wanted["verb"], &wanted["group"], &wanted["namespace"])
            == (&json!("create"), &json!(AUDIENCE), &json!("postern-system"));
        let of_resource = ["previews", "logs"].iter().position(|resource| wanted["resource"] == *resource);
        let whose = of_resource.map(|resource| ["ours", "reader"][resource]);
        json!({ "allowed": is_right && whose.is_some_and(|whose| spec["user"] == whose) })
    };
    let body = serde_json::to_vec(&review).expect("JSON").into();
    Ok(Response::builder().status(StatusCode::CREATED).body(body).expect("an answer"))
}

/// Says back what it was asked.
struct Echo;

impl Previewer for Echo {
    fn preview(&self, question: Question) -> BoxFuture<'_, Result<Answer, Refusal>> {
        async move { Ok(Answer { summary: vec![question.name], outcome: question.spec }) }.boxed()
    }
}

/// Tells in two pieces what it was asked, and knows one source only.
impl Keeper for Echo {
    fn lines(&self, wanted: Wanted) -> BoxFuture<'_, Result<Lines, Untold>> {
        let told = match &*wanted.name {
            "one" => Ok(stream::iter([Ok("a\n".into()), Ok(format!("{wanted:?}\n").into())]).boxed()),
            "busy" => Err(Untold::TooMany),
            _ => Err(Untold::Elsewhere),
        };
        async move { told }.boxed()
    }
}

struct Served {
    address: SocketAddr,
    registry: Registry,
    _running: DropGuard,
}

impl Served {
    async fn new() -> Self {
        let reviews = Client::new(tower::service_fn(reviewed), "default");
        let trust = Trust::new(reviews, "postern-system");
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let mut registry = Registry::default();
        let refused = Metrics::register(&mut registry).refused;
        let listener =
            Arc::new(Listener { trust, previewer: Arc::new(Echo), keeper: Arc::new(Echo), refused });
        let stop = CancellationToken::new();
        tokio::spawn(serve(socket, None, listener, Limits::default(), stop.clone()));
        Self { address, registry, _running: stop.drop_guard() }
    }

    /// Code and body of an answer.
    async fn ask(&self, line: &str, token: Option<&str>, body: &str) -> (u16, String) {
        let proof = token.map_or_else(String::new, |token| format!("Authorization: Bearer {token}\r\n"));
        let length = body.len();
        let request = format!(
            "{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n{proof}\r\n{body}"
        );
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }
}

#[tokio::test]
async fn only_who_has_the_right_and_a_token_made_for_us_is_answered() {
    let served = Served::new().await;
    for (token, code) in
        [(None, 401), (Some("wrong"), 401), (Some("old"), 401), (Some("theirs"), 403), (Some("ours"), 200)]
    {
        let (answered, body) = served.ask("POST /previews", token, ASKED).await;
        assert_eq!(answered, code, "{token:?}: {body}");
    }
    let mut told = String::new();
    encode(&mut told, &served.registry).unwrap();
    for (reason, count) in [("Unauthorized", 3), ("Forbidden", 1), ("Unreviewed", 0)] {
        let line = format!("preview_callers_refused_total{{reason=\"{reason}\"}} {count}\n");
        assert!(told.contains(&line), "{line} in\n{told}");
    }
}

#[tokio::test]
async fn a_question_arrives_as_it_was_asked() {
    let (_, body) = Served::new().await.ask("POST /previews", Some("ours"), ASKED).await;
    let said: Result<Answer, Refusal> = serde_json::from_str(&body).unwrap();
    assert_eq!(said, Ok(Answer { summary: vec!["one".into()], outcome: json!({ "a": 1 }) }));
}

#[tokio::test]
async fn what_is_no_question_is_refused_and_to_strangers_says_nothing() {
    let served = Served::new().await;
    for (line, body, code) in [
        ("GET /previews", "", 405),
        ("POST /other", ASKED, 404),
        ("POST /previews", "{", 400),
        ("POST /previews", "", 400),
    ] {
        assert_eq!(served.ask(line, Some("ours"), body).await.0, code, "{line} {body}");
        assert_eq!(served.ask(line, None, body).await.0, 401, "{line} {body}");
    }
}

/// A question for the log of that source.
fn log_of(name: &str) -> String {
    format!(
        r#"{{"kind":"ExternalSource","namespace":"apps","name":"{name}","follow":true,"tailLines":3,"sinceSeconds":null,"timestamps":true}}"#
    )
}

#[tokio::test]
async fn logs_are_for_who_has_the_right_to_them() {
    let served = Served::new().await;
    for (token, code) in [
        (None, 401),
        (Some("wrong"), 401),
        (Some("old"), 401),
        (Some("theirs"), 403),
        (Some("ours"), 403),
        (Some("reader"), 200),
    ] {
        let (answered, body) = served.ask("POST /logs", token, &log_of("one")).await;
        assert_eq!(answered, code, "{token:?}: {body}");
    }
    assert_eq!(
        served.ask("POST /previews", Some("reader"), ASKED).await.0,
        403,
        "one right is not the other"
    );
}

#[tokio::test]
async fn lines_arrive_as_they_are_told_and_refusals_by_their_code() {
    let served = Served::new().await;
    let (_, body) = served.ask("POST /logs", Some("reader"), &log_of("one")).await;
    let wanted: Wanted = serde_json::from_str(&log_of("one")).unwrap();
    assert!(body.contains("a\n") && body.contains(&format!("{wanted:?}")), "{body}");
    for (line, body, code) in [
        ("POST /logs", log_of("two"), 421),
        ("POST /logs", log_of("busy"), 429),
        ("GET /logs", String::new(), 405),
        ("POST /logs", "{}".into(), 400),
    ] {
        assert_eq!(served.ask(line, Some("reader"), &body).await.0, code, "{line} {body}");
    }
}
