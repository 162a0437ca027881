//! Real sockets on loopback, real TLS clients; each promise of [`super::serve`] by name.
mod body;
mod connections;
mod floods;
mod handshakes;
mod hostile;
mod tls;

use super::*;
use crate::pki::{Authority, Pair};
use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{PrivateKeyDer, ServerName, pem::PemObject};
use std::{sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_util::sync::CancellationToken;

/// What the certificates of these servers are for.
const NAME: &str = "postern.test";

/// A handler with one path for each behaviour that the tests need.
struct Paths;

impl Handler for Paths {
    async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        match request.uri().path() {
            "/hello" => Response::new(full("hello")),
            "/panic" => panic!("on purpose"),
            "/panic-in-body" => Response::new(stream(futures::stream::poll_fn(|_| panic!("on purpose")))),
            "/peer" => {
                let peer: &Peer = request.extensions().get().expect("serve puts the peer into every request");
                let presented = peer.certificates.first().map_or(&[][..], |leaf| leaf);
                Response::new(full(presented.to_vec()))
            }
            "/slow" => {
                tokio::time::sleep(Duration::from_millis(300)).await;
                Response::new(full("slow"))
            }
            "/never" => std::future::pending().await,
            "/endless" => {
                let piece = Ok(Bytes::from_static(&[b'x'; 16 << 10]));
                Response::new(stream(futures::stream::repeat_with(move || {
                    piece.as_ref().map(Bytes::clone).map_err(|e: &BoxError| e.to_string().into())
                })))
            }
            "/close" => {
                let mut response = Response::new(empty());
                response.extensions_mut().insert(CloseConnection);
                response
            }
            "/read" => match read_body(request.into_body(), 1 << 20, Duration::from_millis(200)).await {
                Ok(bytes) => Response::new(full(bytes.len().to_string())),
                Err(error) => refuse(error.reason()),
            },
            "/upgrade" => upgrade(request),
            _ => refuse("NotFound"),
        }
    }
}

fn refuse(reason: &'static str) -> Response<Body> {
    let mut response = Response::new(full(reason));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response
}

/// Answers 101 and echoes what comes.
fn upgrade(request: Request<Incoming>) -> Response<Body> {
    tokio::spawn(async move {
        let upgraded = hyper::upgrade::on(request).await.expect("the client follows");
        let (mut reader, mut writer) = tokio::io::split(TokioIo::new(upgraded));
        tokio::io::copy(&mut reader, &mut writer).await
    });
    let mut response = Response::new(empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.headers_mut().insert("upgrade", "echo".parse().expect("a token"));
    response.headers_mut().insert("connection", "upgrade".parse().expect("a token"));
    response
}

/// A running listener; ended with the value.
struct Server {
    address: std::net::SocketAddr,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Server {
    async fn start(tls: Option<Tls>, limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(serve(listener, tls, Arc::new(Paths), limits, shutdown.clone()));
        Self { address, shutdown, task }
    }

    async fn plain(limits: Limits) -> Self {
        Self::start(None, limits).await
    }

    async fn tcp(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("the listener is open")
    }

    async fn tls(&self, client: &Arc<ClientConfig>) -> std::io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(NAME).expect("a DNS name");
        TlsConnector::from(Arc::clone(client)).connect(name, self.tcp().await).await
    }

    /// An HTTP/1.1 connection over plain TCP.
    async fn h1(&self) -> http1::SendRequest<Full<Bytes>> {
        let (sender, connection) = http1::handshake(TokioIo::new(self.tcp().await)).await.expect("open");
        tokio::spawn(connection.with_upgrades());
        sender
    }

    /// An HTTP/2 connection over TLS.
    async fn h2(&self, client: &Arc<ClientConfig>) -> http2::SendRequest<Full<Bytes>> {
        let stream = self.tls(client).await.expect("trusted");
        let (sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("open");
        tokio::spawn(connection);
        sender
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What serves this name with a certificate of `ca`.
fn tls(ca: &Authority) -> Tls {
    let pair = ca.server(NAME);
    Tls::new(pair.cert.as_bytes(), pair.key.as_bytes(), ClientCertificates::Request).expect("a pair")
}

/// A client that trusts these authorities, speaks `alpn`, and presents `identity`.
fn client(authorities: &[&Authority], alpn: &str, identity: Option<&Pair>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority.0.der().clone()).expect("a root");
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has them")
        .with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(pair) => {
            let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).expect("PEM");
            builder.with_client_auth_cert(pair.chain(), key).expect("a pair")
        }
    };
    config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
    Arc::new(config)
}

fn h1_client(ca: &Authority) -> Arc<ClientConfig> {
    client(&[ca], "http/1.1", None)
}

fn h2_client(ca: &Authority) -> Arc<ClientConfig> {
    client(&[ca], "h2", None)
}

fn request(path: &str) -> Request<Full<Bytes>> {
    Request::get(format!("http://{NAME}{path}")).body(Full::default()).expect("a request")
}

async fn read(response: Response<Incoming>) -> (StatusCode, HeaderMap, Bytes) {
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.expect("a whole body").to_bytes();
    (parts.status, parts.headers, bytes)
}

/// Everything that the server still sends before it closes; panics when it does not close.
async fn until_closed(stream: &mut (impl AsyncReadExt + Unpin), within: Duration) -> Vec<u8> {
    let mut rest = Vec::new();
    let read = stream.read_to_end(&mut rest);
    let _closed_or_reset = tokio::time::timeout(within, read).await.expect("the server closes in time");
    rest
}

fn limits() -> Limits {
    Limits::default()
}
