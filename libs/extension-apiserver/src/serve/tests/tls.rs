//! Certificates of both sides.
use super::*;

#[tokio::test]
async fn both_protocols_are_served_on_one_port() {
    let ca = Authority::new();
    let server = Server::start(Some(tls(&ca)), limits()).await;

    let mut h2 = server.h2(&h2_client(&ca)).await;
    let (status, _, body) = read(h2.send_request(request("/hello")).await.unwrap()).await;
    assert_eq!((status, &body[..]), (StatusCode::OK, &b"hello"[..]));

    let stream = server.tls(&h1_client(&ca)).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let (mut h1, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let (status, _, body) = read(h1.send_request(request("/hello")).await.unwrap()).await;
    assert_eq!((status, &body[..]), (StatusCode::OK, &b"hello"[..]));
}

#[tokio::test]
async fn the_client_certificate_arrives_with_the_request() {
    let (ca, stranger) = (Authority::new(), Authority::new());
    let server = Server::start(Some(tls(&ca)), limits()).await;
    let identity = stranger.client("somebody");
    let mut h2 = server.h2(&client(&[&ca], "h2", Some(&identity))).await;

    let (_, _, leaf) = read(h2.send_request(request("/peer")).await.unwrap()).await;

    assert_eq!(leaf, &identity.chain()[0][..], "an unknown authority is no reason to refuse the handshake");
}

#[tokio::test]
async fn a_certificate_without_its_key_ends_the_handshake() {
    let ca = Authority::new();
    let server = Server::start(Some(tls(&ca)), limits()).await;
    let stolen = Pair { cert: ca.client("system:admin").cert, key: ca.client("mallory").key };

    let client = with_mismatched_key(&ca, &stolen);
    let outcome = match server.tls(&client).await {
        // With TLS 1.3 the client is done before the server judges: the refusal comes with the first read.
        Ok(mut stream) => {
            stream.write_all(b"GET /hello HTTP/1.1\r\nhost: a\r\n\r\n").await.ok();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.map(|_| answer)
        }
        Err(error) => Err(error),
    };

    assert!(outcome.is_err(), "{outcome:?}");
}

/// A client that presents a certificate and signs with another key.
fn with_mismatched_key(ca: &Authority, stolen: &Pair) -> Arc<ClientConfig> {
    use rustls::sign::{CertifiedKey, SingleCertAndKey};
    let key = PrivateKeyDer::from_pem_slice(stolen.key.as_bytes()).unwrap();
    let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).unwrap();
    let mut config = ClientConfig::clone(&h1_client(ca));
    let pair = CertifiedKey::new(stolen.chain(), key);
    config.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(pair));
    Arc::new(config)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotating_leaf_and_authority_under_load_fails_no_request() {
    let (old, new) = (Authority::new(), Authority::new());
    let tls = tls(&old);
    let server = Arc::new(Server::start(Some(tls.clone()), limits()).await);
    let stop = CancellationToken::new();
    let clients: Vec<_> = ["h2", "h2", "http/1.1", "http/1.1"]
        .map(|alpn| {
            let config = client(&[&old, &new], alpn, None);
            tokio::spawn(load(Arc::clone(&server), config, stop.clone()))
        })
        .into();

    for round in 0..40 {
        let pair = if round % 2 == 0 { new.server(NAME) } else { old.server(NAME) };
        tls.replace(pair.cert.as_bytes(), pair.key.as_bytes()).unwrap();
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    stop.cancel();

    let mut answered = 0;
    for client in clients {
        answered += client.await.expect("no request failed");
    }
    assert!(answered > 400, "{answered} requests are no load");
}

/// Requests without pause until `stop`, twenty on each connection; their number. Panics when one fails.
async fn load(server: Arc<Server>, config: Arc<ClientConfig>, stop: CancellationToken) -> usize {
    let mut answered = 0;
    while !stop.is_cancelled() {
        let stream = server.tls(&config).await.expect("each certificate chains to a trusted authority");
        let io = TokioIo::new(stream);
        if config.alpn_protocols[0] == b"h2" {
            let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
            tokio::spawn(connection);
            for _ in 0..20 {
                let response = sender.send_request(request("/hello")).await.expect("answered");
                assert_eq!(read(response).await.2, "hello");
                answered += 1;
            }
        } else {
            let (mut sender, connection) = http1::handshake(io).await.unwrap();
            tokio::spawn(connection);
            for _ in 0..20 {
                let response = sender.send_request(request("/hello")).await.expect("answered");
                assert_eq!(read(response).await.2, "hello");
                answered += 1;
            }
        }
    }
    answered
}

#[tokio::test]
async fn after_a_replacement_new_handshakes_see_the_new_certificate() {
    let (old, new) = (Authority::new(), Authority::new());
    let tls = tls(&old);
    let server = Server::start(Some(tls.clone()), limits()).await;
    let mut open = server.h2(&h2_client(&old)).await;

    let pair = new.server(NAME);
    tls.replace(pair.cert.as_bytes(), pair.key.as_bytes()).unwrap();

    server.tls(&h2_client(&new)).await.expect("the new authority vouches for it");
    server.tls(&h2_client(&old)).await.expect_err("the old certificate is gone");
    let (status, ..) = read(open.send_request(request("/hello")).await.unwrap()).await;
    assert_eq!(status, StatusCode::OK, "what was open stays open");
}

#[tokio::test]
async fn an_unusable_replacement_leaves_the_old_pair_in_place() {
    let ca = Authority::new();
    let tls = tls(&ca);
    let server = Server::start(Some(tls.clone()), limits()).await;
    let (one, other) = (ca.server(NAME), ca.server(NAME));

    let refusals = [
        tls.replace(one.cert.as_bytes(), other.key.as_bytes()).unwrap_err(),
        tls.replace(b"", one.key.as_bytes()).unwrap_err(),
        tls.replace(one.cert.as_bytes(), b"-----BEGIN PRIVATE KEY-----").unwrap_err(),
    ];

    let reasons = refusals.map(|error| error.reason());
    assert_eq!(reasons, ["UnusableCertificate", "MalformedCertificate", "MalformedKey"]);
    server.tls(&h2_client(&ca)).await.expect("still served");
}

#[test]
fn debug_shows_no_key() {
    let shown = format!("{:?}", tls(&Authority::new()));
    assert_eq!(shown, "Tls { clients: Request, .. }");
}
