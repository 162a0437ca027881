//! The same through a socket.
use super::*;
use ::http::{Request, header::ALLOW};
use bytes::Bytes;
use extension_apiserver::serve::{Limits, serve};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use std::{net::SocketAddr, sync::Arc};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// A connection to a webhook that lives as long as the guard.
struct Connection {
    address: SocketAddr,
    sender: hyper::client::conn::http1::SendRequest<Full<Bytes>>,
    _running: DropGuard,
}

impl Connection {
    async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let webhook = Arc::new(Webhook::new(&mut Registry::default(), Policies::default()));
        tokio::spawn(serve(listener, None, webhook, Limits::default(), shutdown.clone()));
        let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
        let (sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        Self { address, sender, _running: shutdown.drop_guard() }
    }

    async fn send(
        &mut self,
        method: &str,
        path: &str,
        body: impl Into<Bytes>,
    ) -> (u16, Option<String>, Value) {
        let request = Request::builder().method(method).uri(path).body(Full::new(body.into())).unwrap();
        let (parts, body) = self.sender.send_request(request).await.unwrap().into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let allow = parts.headers.get(ALLOW).map(|value| value.to_str().unwrap().to_owned());
        (parts.status.as_u16(), allow, serde_json::from_slice(&bytes).expect("JSON"))
    }
}

#[tokio::test]
async fn a_review_is_answered() {
    let mut connection = Connection::open().await;
    let review = review("CREATE", &object(), &Value::Null).to_string();
    let (code, _, answer) = connection.send("POST", "/mutate?timeout=10s", review.clone()).await;
    assert_eq!((code, &answer["response"]["allowed"]), (200, &json!(true)));
    let (code, _, answer) = connection.send("POST", "/validate?timeout=10s", review).await;
    assert_eq!((code, &answer["response"]["allowed"]), (200, &json!(true)));
}

#[tokio::test]
async fn nothing_else_is_served() {
    let mut connection = Connection::open().await;
    for path in ["/", "/mutate/", "/validate/x", "/convert"] {
        assert_eq!(connection.send("POST", path, "{}").await.0, 404, "{path}");
    }
    let (code, allow, _) = connection.send("GET", "/mutate", "").await;
    assert_eq!((code, allow.as_deref()), (405, Some("POST")));
}

#[tokio::test]
async fn garbage_is_a_bad_request_and_the_connection_lives_on() {
    let mut connection = Connection::open().await;
    for garbage in
        ["", "{", "null", "[]", "{}", r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}"#]
    {
        let (code, _, status) = connection.send("POST", "/mutate", garbage).await;
        assert_eq!((code, &status["kind"], &status["reason"]), (400, &json!("Status"), &json!("BadRequest")));
    }
}

#[tokio::test]
async fn a_body_beyond_the_cap_is_refused() {
    let (code, _, status) = Connection::open().await.send("POST", "/mutate", vec![b' '; (7 << 20) + 1]).await;
    assert_eq!((code, &status["reason"]), (413, &json!("RequestEntityTooLarge")));
}

#[tokio::test]
async fn reviews_that_are_announced_and_never_come_keep_nobody_out() {
    let mut connection = Connection::open().await;
    let mut held = Vec::new();
    for _ in 0..40 {
        let mut stream = TcpStream::connect(connection.address).await.unwrap();
        let head = "POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-length: 7340032\r\n\r\n{";
        stream.write_all(head.as_bytes()).await.unwrap();
        held.push(stream);
    }
    let review = review("CREATE", &object(), &Value::Null).to_string();
    let answered = connection.send("POST", "/mutate?timeout=1s", review);
    let (code, ..) = tokio::time::timeout(Duration::from_secs(1), answered).await.expect("at once");
    assert_eq!(code, 200);
}

#[tokio::test]
async fn a_review_that_does_not_arrive_is_given_up_when_kube_apiserver_does() {
    let connection = Connection::open().await;
    let mut stream = TcpStream::connect(connection.address).await.unwrap();
    let head = "POST /mutate?timeout=100ms HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 504");
}
