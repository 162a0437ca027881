//! Sources that are reached through a proxy: a real one on loopback, which leads everything to one server.
use crate::{
    server::{Identity, Server, answer},
    world::{Case, World},
};
use artifacts::{Retry, egress::EgressPolicy};
use std::sync::{Arc, Mutex};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional},
    net::TcpStream,
};

/// "me:hunter2", as proxies read it.
const CREDENTIALS: &str = "Basic bWU6aHVudGVyMg==";

/// A proxy, and the heads of the requests that it got.
struct Proxy {
    server: Server,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Leads to `target` whatever it is asked for; with `closed`, only for whoever has the credentials.
    async fn to(target: String, closed: bool) -> Self {
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let log = Arc::clone(&heads);
        let server = Server::raw(move |stream| lead(stream, target.clone(), closed, Arc::clone(&log))).await;
        Self { server, heads }
    }

    /// The same, spoken to over TLS.
    async fn secure(identity: &Identity, target: String) -> Self {
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let log = Arc::clone(&heads);
        let lead = move |stream| lead(stream, target.clone(), true, Arc::clone(&log));
        Self { server: Server::raw_https(identity, lead).await, heads }
    }

    fn address(&self) -> String {
        self.server.url("")
    }

    fn first_line(&self) -> String {
        self.heads.lock().unwrap()[0].lines().next().unwrap().to_owned()
    }
}

async fn lead<S>(mut stream: S, target: String, closed: bool, log: Arc<Mutex<Vec<String>>>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    log.lock().unwrap().push(text.clone());
    if closed && !text.contains(CREDENTIALS) {
        let refusal =
            "HTTP/1.1 407 Proxy Authentication Required\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        let _ = stream.write_all(refusal.as_bytes()).await;
        return;
    }
    let Ok(mut server) = TcpStream::connect(target).await else {
        let _ = stream.write_all(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n").await;
        return;
    };
    let _ = match text.starts_with("CONNECT ") {
        true => stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await,
        false => server.write_all(&head).await,
    };
    let _ = copy_bidirectional(&mut stream, &mut server).await;
}

#[tokio::test]
async fn plain_http_goes_through_a_proxy_with_its_whole_address() {
    let source = Server::http(|_| answer(200, &[], "data")).await;
    let proxy = Proxy::to(source.host(), true).await;
    let keys = [("address", &*proxy.address()), ("username", "me"), ("password", "hunter2")];
    let world = World::new();
    let fetched = world.fetched(&Case::new("http://source.invalid/data?x=1").proxy(&keys)).await;
    assert_eq!(world.files(&fetched).await, [("data".to_owned(), b"data".to_vec())]);
    assert_eq!(proxy.first_line(), "GET http://source.invalid/data?x=1 HTTP/1.1");
    assert_eq!(source.seen()[0].header("host"), Some("source.invalid"));
}

#[tokio::test]
async fn https_goes_through_a_proxy_that_sees_nothing_of_it() {
    let identity = Identity::new(&["source.invalid"], |_| {});
    let source = Server::https(&identity, |_| answer(200, &[], "data")).await;
    let proxy = Proxy::to(source.host(), true).await;
    let keys = [("address", &*proxy.address()), ("username", "me"), ("password", "hunter2")];
    let case = Case::new("https://source.invalid/data").ca_bundle(&identity.authority_pem);
    let case = case.headers(&[("authorization", "canary-7f3a")]).proxy(&keys);
    World::new().fetched(&case).await;
    assert_eq!(proxy.first_line(), "CONNECT source.invalid:443 HTTP/1.1");
    assert!(!proxy.heads.lock().unwrap().concat().contains("canary"));
    let seen = &source.seen()[0];
    assert_eq!(seen.header("authorization"), Some("canary-7f3a"));
    assert_eq!(seen.header("proxy-authorization"), None, "the source is not told who uses the proxy");
}

#[tokio::test]
async fn a_proxy_may_speak_tls_itself() {
    let identity = Identity::new(&["127.0.0.1", "source.invalid"], |_| {});
    let plain = Server::http(|_| answer(200, &[], "data")).await;
    let secure = Server::https(&identity, |_| answer(200, &[], "data")).await;
    for (source, url, line) in [
        (&plain, "http://source.invalid/data", "GET http://source.invalid/data HTTP/1.1"),
        (&secure, "https://source.invalid/data", "CONNECT source.invalid:443 HTTP/1.1"),
    ] {
        let proxy = Proxy::secure(&identity, source.host()).await;
        let keys = [("address", &*proxy.address()), ("username", "me"), ("password", "hunter2")];
        let case = Case::new(url).proxy(&keys);
        let error = World::new().fails(&case).await;
        assert_eq!(error.reason(), "TLSFailed", "nobody vouches for the proxy: {error}");
        names_the_proxy(&error, &proxy.server);
        assert!(proxy.heads.lock().unwrap().is_empty(), "so it is told nothing, credentials least of all");

        let world = World::new();
        let fetched = world.fetched(&case.ca_bundle(&identity.authority_pem)).await;
        assert_eq!(world.files(&fetched).await, [("data".to_owned(), b"data".to_vec())]);
        assert_eq!(proxy.first_line(), line);
        let targets: Vec<_> = source.seen().into_iter().map(|seen| seen.target).collect();
        assert_eq!(targets, ["/data"], "source.invalid has no address: only the proxy can have led there");
    }
}

/// The error of a handshake with the proxy, which has seen no credentials and shows none.
fn names_the_proxy(error: &artifacts::Error, proxy: &Server) {
    let said = format!("no secure connection to the proxy {}: ", proxy.host());
    assert!(error.to_string().starts_with(&said), "{error}");
    let shown = format!("{error:?} {}", telemetry::Chain(error));
    for secret in ["hunter2", CREDENTIALS, "source.invalid"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[tokio::test]
async fn it_is_told_whether_the_proxys_or_the_sources_certificate_is_not_good() {
    let [ours, another] = [(); 2].map(|()| Identity::new(&["127.0.0.1", "source.invalid"], |_| {}));
    let of_another_name = Identity::new(&["example.com"], |_| {});
    let source = Server::https(&another, |_| answer(200, &[], "data")).await;
    let through = async |identity| Proxy::secure(identity, source.host()).await;
    let failure = async |proxy: &Proxy, url: &str, authority: &Identity| {
        let keys = [("address", &*proxy.address()), ("username", "me"), ("password", "hunter2")];
        World::new().fails(&Case::new(url).proxy(&keys).ca_bundle(&authority.authority_pem)).await
    };
    let plain = Server::raw(|mut stream| async move {
        let _heard = stream.read_u8().await;
        let _told = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n").await;
    })
    .await;
    let not_held = "an authority that key ca.crt of Secret ca does not hold";
    for url in ["http://source.invalid/data", "https://source.invalid/data"] {
        let unknown = through(&another).await;
        let error = failure(&unknown, url, &ours).await;
        names_the_proxy(&error, &unknown.server);
        assert!(error.to_string().contains(not_held), "{error}");
        let misnamed = through(&of_another_name).await;
        let error = failure(&misnamed, url, &of_another_name).await;
        names_the_proxy(&error, &misnamed.server);
        assert!(error.to_string().contains("for another name"), "{error}");
        let without_tls = plain.url("").replace("http:", "https:");
        let error = World::new().fails(&Case::new(url).proxy(&[("address", &without_tls)])).await;
        names_the_proxy(&error, &plain);
    }
    let known = through(&ours).await;
    let error = failure(&known, "https://source.invalid/data", &ours).await;
    assert_eq!(known.first_line(), "CONNECT source.invalid:443 HTTP/1.1");
    assert!(error.to_string().starts_with("no secure connection to source.invalid: "), "{error}");
    assert!(error.to_string().contains(not_held), "{error}");
}

#[tokio::test]
async fn a_proxy_that_does_not_know_us_is_told_by_secret_and_keys() {
    let proxy = Proxy::to("127.0.0.1:1".into(), true).await;
    let keys = [("address", &*proxy.address()), ("username", "me"), ("password", "canary-7f3a")];
    for url in ["http://source.invalid/data", "https://source.invalid/data"] {
        let error = World::new().fails(&Case::new(url).proxy(&keys)).await;
        let said = format!(
            "the proxy {} does not accept the keys username and password of Secret proxy",
            proxy.server.host()
        );
        assert_eq!(error.to_string(), said);
        assert_eq!((error.reason(), error.retry()), ("ProxyFailed", Retry::AtInterval));
        let shown = format!("{error:?} {}", telemetry::Chain(&error));
        assert!(!shown.contains("canary") && !shown.contains(CREDENTIALS), "{shown}");
    }
}

#[tokio::test]
async fn a_proxy_that_cannot_be_reached_or_reaches_nothing_is_told_as_that() {
    let reaches_nothing = Proxy::to("127.0.0.1:1".into(), false).await;
    for (address, problem) in [
        ("http://127.0.0.1:1", "connection refused"),
        (&*reaches_nothing.address(), "it does not connect to this host"),
    ] {
        let case = Case::new("https://source.invalid/data").proxy(&[("address", address)]);
        let error = World::new().fails(&case).await;
        assert_eq!((error.reason(), error.retry()), ("ProxyFailed", Retry::Soon), "{error}");
        let proxy = address.strip_prefix("http://").unwrap();
        let said = format!("cannot fetch from source.invalid through the proxy {proxy}: {problem}");
        assert_eq!(error.to_string(), said);
    }
}

#[tokio::test]
async fn the_guard_stands_before_the_proxy() {
    let source = Server::http(|_| answer(200, &[], "data")).await;
    let proxy = Proxy::to(source.host(), false).await;
    let by_name = format!("http://localhost:{}", proxy.address().rsplit(':').next().unwrap());
    for address in [proxy.address(), by_name] {
        for url in ["http://source.invalid/data", "https://source.invalid/data"] {
            let case = Case::new(url).proxy(&[("address", &address)]);
            let error = World::with_policy(EgressPolicy::default()).fails(&case).await;
            assert_eq!(error.reason(), "AddressRefused", "{error}");
            assert!(error.to_string().starts_with(address.strip_prefix("http://").unwrap()), "{error}");
        }
    }
    assert_eq!(proxy.server.connections(), 0);
    // An address that stands in the URL itself is judged before any proxy is asked.
    let case = Case::new("http://169.254.169.254/latest").proxy(&[("address", &proxy.address())]);
    assert_eq!(World::new().fails(&case).await.reason(), "AddressRefused");
    assert_eq!(proxy.server.connections(), 0);
}
