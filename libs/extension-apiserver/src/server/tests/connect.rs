//! Subresources that connect, over real sockets: who may take over a connection, what happens to it, and when it ends.
use crate::{
    access::{Decision, UserInfo},
    api::{Call, Connect, ConnectMethod, Exchange, Resource, Subresource},
    fixture::{ROOT, Source, authenticate},
    metrics::Metrics,
    object::Key,
    request::RequestInfo,
    serve::{self, Body, Limits, Upgraded, stream},
    server::{MaxInFlight, Server, SubresourceVerbs},
    status::Status,
    view::View,
    websocket::Handshake,
};
use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use http::Response;
use prometheus_client::registry::Registry;
use serde_json::json;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep_until, timeout},
};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::protocol::Role};
use tokio_util::sync::CancellationToken;

const OFFER: &str = "Connection: Upgrade\r\nUpgrade: lines\r\n";

/// `sources/NAME/attach`, which kube-apiserver lets run on, and `sources/NAME/tap`, which it does not. What it does is
/// said by the name of its parent.
struct Line<const ENDLESS: bool> {
    stalled: mpsc::UnboundedSender<usize>,
}

impl<const ENDLESS: bool> Resource for Line<ENDLESS> {
    type Object = Source;
}

impl<const ENDLESS: bool> Subresource for Line<ENDLESS> {
    type Parent = Source;
    const NAME: &'static str = if ENDLESS { "attach" } else { "tap" };
}

impl<const ENDLESS: bool> Connect for Line<ENDLESS> {
    const METHODS: &'static [ConnectMethod] = &[ConnectMethod::Get, ConnectMethod::Post];

    async fn connect(&self, call: &Call, key: &Key, exchange: Exchange) -> Result<Response<Body>, Status> {
        let deadline = call.deadline.min(Instant::now() + Duration::from_millis(100));
        let (shutdown, stalled) = (call.shutdown.clone(), self.stalled.clone());
        let Some(upgrade) = exchange.upgrade else {
            return Ok(Response::new(match key.name.as_str() {
                "late" => after(deadline),
                _ => exchange.body,
            }));
        };
        Ok(match key.name.as_str() {
            "socket" => {
                let exchange = Exchange { upgrade: Some(upgrade), body: exchange.body };
                Handshake::read(&call.headers, exchange)?.accept(echo)
            }
            "late" => upgrade.accept(async move |mut line| {
                sleep_until(deadline).await;
                let _gone = line.write_all(b"late").await;
            }),
            "flood" => upgrade.accept(async move |line| flood(line, stalled).await),
            _ => upgrade.accept(async move |mut line| {
                let _gone = line.write_all(b"hello").await;
                shutdown.cancelled().await;
                let _gone = line.write_all(b"goodbye").await;
            }),
        })
    }
}

/// A first piece at once, and the rest a moment after the deadline.
fn after(deadline: Instant) -> Body {
    let first = futures::stream::iter([Ok(Bytes::from_static(b"soon "))]);
    let rest = futures::stream::once(async move {
        sleep_until(deadline + Duration::from_millis(50)).await;
        Ok(Bytes::from_static(b"late"))
    });
    stream(first.chain(rest))
}

async fn echo(connection: Upgraded) {
    let mut socket = WebSocketStream::from_raw_socket(connection, Role::Server, None).await;
    while let Some(Ok(message)) = socket.next().await {
        if message.is_close() || socket.send(message).await.is_err() {
            break;
        }
    }
}

/// Writes as much as it can, and says how much that was once nothing more is taken.
async fn flood(mut line: Upgraded, stalled: mpsc::UnboundedSender<usize>) {
    const ENOUGH: usize = 256 << 20;
    let piece = vec![b'x'; 64 << 10];
    let mut written = 0;
    while written < ENOUGH {
        match timeout(Duration::from_millis(200), line.write(&piece)).await {
            Ok(sent) => written += sent.unwrap_or(ENOUGH),
            Err(_) => break,
        }
    }
    let _heard = stalled.send(written);
}

/// A running server, ended with the value.
struct Exchangeboard {
    address: SocketAddr,
    registry: Registry,
    stop: CancellationToken,
    serving: JoinHandle<()>,
    stalled: mpsc::UnboundedReceiver<usize>,
}

impl Exchangeboard {
    async fn open() -> Self {
        let stop = CancellationToken::new();
        let (stalls, stalled) = mpsc::unbounded_channel();
        let (server, registry) = server(stop.clone(), stalls);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let serving =
            tokio::spawn(serve::serve(listener, None, Arc::new(server), Limits::default(), stop.clone()));
        Self { address, registry, stop, serving, stalled }
    }

    /// Asks, and returns the head of the answer with the rest of the connection.
    async fn ask(&self, method: &str, rest: &str, headers: &str) -> (String, TcpStream) {
        let mut line = TcpStream::connect(self.address).await.expect("it listens");
        let path = format!("{ROOT}/namespaces/team-a/sources/{rest}");
        let head = format!("{method} {path} HTTP/1.1\r\nHost: lines\r\n{headers}\r\n");
        line.write_all(head.as_bytes()).await.expect("it reads");
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(line.read_u8().await.expect("a whole head"));
        }
        (String::from_utf8(answer).expect("text"), line)
    }

    fn metric(&self, name: &str) -> Option<String> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).expect("text");
        let line =
            text.lines().find(|line| line.starts_with(name) && line.contains("subresource=\"tap\""))?;
        line.rsplit(' ').next().map(str::to_owned)
    }
}

impl Drop for Exchangeboard {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Jane may do everything but create below `readonly`; one request runs at a time.
fn server(stop: CancellationToken, stalled: mpsc::UnboundedSender<usize>) -> (Server, Registry) {
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let authorize = |_: &UserInfo, request: &RequestInfo| match (request.verb.as_str(), request.name.as_str())
    {
        ("create", "readonly") => Decision::Refuse(String::new()),
        _ => Decision::Allow,
    };
    let one = MaxInFlight { reads: 1, writes: 1, max_wait: Duration::ZERO };
    let (attach, tap) = (Line::<true> { stalled: stalled.clone() }, Line::<false> { stalled });
    let server = Server::builder()
        .authenticator(authenticate)
        .authorizer(authorize)
        .metrics(metrics)
        .max_in_flight(one)
        .shutdown(stop)
        .resource(View::<Source>::mirrored(), |verbs| {
            let verbs = verbs.get().subresource(attach, SubresourceVerbs::connect);
            verbs.subresource(tap, SubresourceVerbs::connect)
        })
        .build()
        .expect("a server");
    (server, registry)
}

async fn rest(mut line: TcpStream) -> String {
    let mut rest = String::new();
    let _cut_off_is_an_answer = line.read_to_string(&mut rest).await;
    rest
}

#[tokio::test]
async fn a_websocket_passes_messages_both_ways() {
    let board = Exchangeboard::open().await;
    let line = TcpStream::connect(board.address).await.unwrap();
    let url = format!("ws://lines{ROOT}/namespaces/team-a/sources/socket/tap");
    let (mut socket, answer) = client_async(url, line).await.unwrap();
    assert_eq!(answer.status(), 101);
    assert!(answer.headers().contains_key("audit-id"));
    for word in ["knock", "knock again"] {
        socket.send(word.into()).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap().to_text().unwrap(), word);
    }
}

#[tokio::test]
async fn a_body_streams_in_and_out_without_an_upgrade() {
    let board = Exchangeboard::open().await;
    let (head, mut line) = board.ask("POST", "any/tap", "Content-Length: 10\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200"), "the answer begins before the question ends: {head}");
    for word in ["first", "after"] {
        line.write_all(word.as_bytes()).await.unwrap();
        let mut heard = [0; 5];
        line.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, word.as_bytes());
    }
}

#[tokio::test]
async fn whoever_may_only_get_takes_over_no_connection() {
    let board = Exchangeboard::open().await;
    let (read, _) = board.ask("GET", "readonly/attach", "").await;
    assert!(read.starts_with("HTTP/1.1 200"), "{read}");
    let (refused, _) = board.ask("GET", "readonly/attach", OFFER).await;
    assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
    let (taken, _) = board.ask("GET", "any/attach", OFFER).await;
    assert!(taken.starts_with("HTTP/1.1 101"), "{taken}");
}

#[tokio::test]
async fn a_dry_run_connects_nothing() {
    let board = Exchangeboard::open().await;
    for headers in ["", OFFER] {
        let (refused, _) = board.ask("GET", "any/attach?dryRun=All", headers).await;
        assert!(refused.starts_with("HTTP/1.1 400"), "{refused}");
    }
}

#[tokio::test]
async fn the_deadline_cuts_streams_but_neither_connections_nor_the_names_of_kube_apiserver() {
    let board = Exchangeboard::open().await;
    let answered = async |rest_of_path: &str, headers: &str| {
        let (_, line) = board.ask("GET", rest_of_path, headers).await;
        rest(line).await
    };
    let close = "Connection: close\r\n";
    let cut = answered("late/tap?timeout=100ms", close).await;
    assert!(cut.contains("soon ") && !cut.contains("late"), "{cut}");
    assert_eq!(answered("late/tap?timeout=100ms", OFFER).await, "late");
    let spared = answered("late/attach?timeout=100ms", close).await;
    assert!(spared.contains("soon ") && spared.contains("late"), "{spared}");
}

#[tokio::test]
async fn a_connection_leaves_its_seat_and_is_counted_until_it_ends() {
    let board = Exchangeboard::open().await;
    let gauge = "apiserver_longrunning_requests";
    assert_eq!(board.metric(gauge).as_deref(), Some("0"));
    let (_, mut first) = board.ask("GET", "any/tap", OFFER).await;
    let mut hello = [0; 5];
    first.read_exact(&mut hello).await.unwrap();
    assert_eq!(board.metric(gauge).as_deref(), Some("1"));
    let (second, _) = board.ask("GET", "any/tap", OFFER).await;
    assert!(second.starts_with("HTTP/1.1 101"), "the one seat is free again: {second}");
}

#[tokio::test]
async fn shutdown_tells_connections_and_waits_for_them() {
    let mut board = Exchangeboard::open().await;
    let (_, line) = board.ask("GET", "any/tap", OFFER).await;
    board.stop.cancel();
    assert_eq!(rest(line).await, "hellogoodbye");
    (&mut board.serving).await.unwrap();
}

#[tokio::test]
async fn a_slow_reader_is_written_no_more_than_sockets_hold() {
    let mut board = Exchangeboard::open().await;
    let (head, _unread) = board.ask("GET", "flood/tap", OFFER).await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    let written = board.stalled.recv().await.expect("it stalls");
    assert!(written < 64 << 20, "{written} bytes were taken from the writer, and read by nobody");
}

#[tokio::test]
async fn clients_see_the_methods_as_verbs_and_the_operations_as_connections() {
    let (server, _) = server(CancellationToken::new(), mpsc::unbounded_channel().0);
    let get = async |path: &str| {
        let request = http::Request::get(path).body(serve::empty()).unwrap();
        let body = http_body_util::BodyExt::collect(server.handle(request).await.into_body()).await.unwrap();
        serde_json::from_slice::<serde_json::Value>(&body.to_bytes()).unwrap()
    };
    let resources = get(ROOT).await["resources"].clone();
    let entry = resources.as_array().unwrap().iter().find(|entry| entry["name"] == "sources/attach").unwrap();
    assert_eq!((&entry["verbs"], &entry["kind"]), (&json!(["create", "get"]), &json!("Source")));
    let paths = get(&format!("/openapi/v3{ROOT}")).await["paths"].clone();
    let path = &paths[format!("{ROOT}/namespaces/{{namespace}}/sources/{{name}}/attach")];
    for (method, id) in [("get", "Get"), ("post", "Post")] {
        assert_eq!(path[method]["x-kubernetes-action"], "connect");
        let id = format!("connectSubExampleComV1alpha1{id}NamespacedSourceAttach");
        assert_eq!(path[method]["operationId"], json!(id));
    }
}
