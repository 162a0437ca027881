//! Sources to fetch from: real HTTP and HTTPS servers on loopback, and one that says whatever bytes a test likes.
use artifacts::Digest;
use bytes::Bytes;
use http_body_util::{BodyExt, Collected, Full, combinators::BoxBody};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::Incoming,
    header::{HeaderName, HeaderValue},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertificateParams, CertifiedIssuer, IsCa, KeyPair, PublicKeyData};
use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::PrivatePkcs8KeyDer,
        server::{WebPkiClientVerifier, danger::ClientCertVerifier},
    },
    server::TlsStream,
};

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

pub(crate) type Answer = Response<BoxBody<Bytes, io::Error>>;

/// An answer with a body of known length.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
    let full = Full::new(body.into()).map_err(|never| match never {}).boxed();
    with_body(status, headers, full)
}

/// An answer with any body.
pub(crate) fn with_body(status: u16, headers: &[(&str, &str)], body: BoxBody<Bytes, io::Error>) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        let name: HeaderName = name.parse().unwrap();
        answer.headers_mut().append(name, HeaderValue::from_str(value).unwrap());
    }
    answer
}

pub(crate) fn redirect(status: u16, location: &str) -> Answer {
    answer(status, &[("location", location)], "")
}

/// A server that lives as long as the value.
pub(crate) struct Server {
    address: SocketAddr,
    scheme: &'static str,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<Mutex<usize>>,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn http<F>(respond: F) -> Self
    where
        F: Fn(&Seen) -> Answer + Send + Sync + 'static,
    {
        Self::http_at("127.0.0.1", respond).await
    }

    pub(crate) async fn http_at<F>(ip: &str, respond: F) -> Self
    where
        F: Fn(&Seen) -> Answer + Send + Sync + 'static,
    {
        Self::start(("http", ip), respond, |stream| async { Ok(stream) }).await
    }

    pub(crate) async fn https<F>(identity: &Identity, respond: F) -> Self
    where
        F: Fn(&Seen) -> Answer + Send + Sync + 'static,
    {
        let acceptor = TlsAcceptor::from(Arc::clone(&identity.config));
        Self::start(("https", "127.0.0.1"), respond, move |stream| {
            let acceptor = acceptor.clone();
            async move { acceptor.accept(stream).await }
        })
        .await
    }

    /// Hands every connection to `script`.
    pub(crate) async fn raw<F, T>(script: F) -> Self
    where
        F: Fn(TcpStream) -> T + Send + Sync + 'static,
        T: Future<Output = ()> + Send + 'static,
    {
        Self::listen(("http", "127.0.0.1"), Arc::default(), script).await
    }

    /// The same over TLS.
    pub(crate) async fn raw_https<F, T>(identity: &Identity, script: F) -> Self
    where
        F: Fn(TlsStream<TcpStream>) -> T + Clone + Send + Sync + 'static,
        T: Future<Output = ()> + Send + 'static,
    {
        let mut config = ServerConfig::clone(&identity.config);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Self::listen(("https", "127.0.0.1"), Arc::default(), move |stream| {
            let (accepted, script) = (acceptor.accept(stream), script.clone());
            async move {
                if let Ok(stream) = accepted.await {
                    script(stream).await;
                }
            }
        })
        .await
    }

    async fn listen<F, T>((scheme, ip): (&'static str, &str), seen: Arc<Mutex<Vec<Seen>>>, script: F) -> Self
    where
        F: Fn(TcpStream) -> T + Send + Sync + 'static,
        T: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::<Mutex<usize>>::default();
        let counted = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                *counted.lock().unwrap() += 1;
                tokio::spawn(script(stream));
            }
        });
        Self { address, scheme, seen, connections, task }
    }

    async fn start<F, W, T, S>(at: (&'static str, &str), respond: F, wrap: W) -> Self
    where
        F: Fn(&Seen) -> Answer + Send + Sync + 'static,
        W: Fn(TcpStream) -> T + Send + Sync + 'static,
        T: Future<Output = io::Result<S>> + Send + 'static,
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let (respond, log) = (Arc::new(respond), Arc::clone(&seen));
        Self::listen(at, seen, move |stream| {
            let (wrapped, respond, log) = (wrap(stream), Arc::clone(&respond), Arc::clone(&log));
            async move {
                let Ok(stream) = wrapped.await else { return };
                let service =
                    service_fn(move |request| serve(request, Arc::clone(&respond), Arc::clone(&log)));
                let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                let _ = builder.serve_connection(TokioIo::new(stream), service).await;
            }
        })
        .await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// The same place by a name that resolves to it.
    pub(crate) fn url_by_name(&self, path: &str) -> String {
        format!("{}://localhost:{}{path}", self.scheme, self.address.port())
    }

    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve<F>(
    request: Request<Incoming>,
    respond: Arc<F>,
    log: Arc<Mutex<Vec<Seen>>>,
) -> Result<Answer, Infallible>
where
    F: Fn(&Seen) -> Answer,
{
    let (head, body) = request.into_parts();
    let seen = Seen {
        method: head.method,
        target: head.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        headers: head.headers,
        body: body.collect().await.map(Collected::to_bytes).unwrap_or_default(),
    };
    log.lock().unwrap().push(seen.clone());
    Ok(respond(&seen))
}

/// A certificate for a server, and the authority that signed it.
pub(crate) struct Identity {
    pub(crate) authority_pem: String,
    /// SHA-256 of the server's public key.
    pub(crate) key: Digest,
    config: Arc<ServerConfig>,
}

impl Identity {
    /// For these names and addresses, changed as a test likes.
    pub(crate) fn new(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Self {
        Self::asking(WebPkiClientVerifier::no_client_auth(), names, change)
    }

    /// The same, of a server that wants to see certificates of its clients.
    pub(crate) fn asking(
        clients: Arc<dyn ClientCertVerifier>,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Self {
        let mut authority = CertificateParams::new(vec![]).unwrap();
        authority.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let (mut leaf, key) = (CertificateParams::new(names).unwrap(), KeyPair::generate().unwrap());
        change(&mut leaf);
        let chain = vec![leaf.signed_by(&key, &authority).unwrap().der().clone()];
        let mut config = ServerConfig::builder()
            .with_client_cert_verifier(clients)
            .with_single_cert(chain, PrivatePkcs8KeyDer::from(key.serialize_der()).into())
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let key = Digest::of(&key.subject_public_key_info());
        Self { authority_pem: authority.pem(), key, config: Arc::new(config) }
    }
}
