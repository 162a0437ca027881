//! Connections as an attacker holds them: a beginning, then a byte now and then, and again whenever they are closed.
use anyhow::{Context, Result};
use bytes::Bytes;
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use std::{
    net::SocketAddrV4,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time,
};
use tokio_rustls::{TlsConnector, rustls};

/// The pause between two bytes.
const DRIP: Duration = Duration::from_millis(500);

/// Connections of one kind, held until this is dropped.
pub(super) struct Held {
    wanted: usize,
    made: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

/// What to hold open, and where.
#[derive(Clone)]
pub(super) struct Slow {
    pub(super) port: SocketAddrV4,
    /// Nothing where no handshake is to be done.
    pub(super) tls: Option<TlsConnector>,
    /// What is said at once; a connection that says nothing stays silent.
    pub(super) beginning: Bytes,
}

impl Held {
    pub(super) fn new(count: usize, slow: &Slow) -> Self {
        let made = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        for _ in 0..count {
            let (slow, made) = (slow.clone(), made.clone());
            tasks.spawn(async move {
                loop {
                    // Being thrown out is what an attacker expects.
                    let _thrown_out = slow.hold(&made).await;
                    time::sleep(DRIP).await;
                }
            });
        }
        Self { wanted: count, made, _tasks: tasks }
    }

    /// Whether as many connections as wanted were made at least once.
    pub(super) fn is_complete(&self) -> bool {
        self.made.load(Ordering::Relaxed) >= self.wanted
    }
}

impl Slow {
    async fn hold(&self, made: &AtomicUsize) -> Result<()> {
        let stream = TcpStream::connect(self.port).await?;
        let Some(tls) = &self.tls else { return self.drip(stream, made).await };
        let name = ServerName::from(std::net::IpAddr::from(*self.port.ip()));
        self.drip(tls.connect(name, stream).await?, made).await
    }

    async fn drip(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin, made: &AtomicUsize) -> Result<()> {
        stream.write_all(&self.beginning).await?;
        stream.flush().await?;
        made.fetch_add(1, Ordering::Relaxed);
        let mut answer = [0; 1024];
        loop {
            if let Ok(read) = time::timeout(DRIP, stream.read(&mut answer)).await {
                return read.map(drop).context("the connection broke");
            }
            if !self.beginning.is_empty() {
                stream.write_all(b"a").await?;
                stream.flush().await?;
            }
        }
    }
}

/// TLS that trusts this bundle.
pub(super) fn tls(bundle: &[u8]) -> Result<TlsConnector> {
    let mut roots = rustls::RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(bundle) {
        roots.add(authority?)?;
    }
    let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    Ok(Arc::new(config).into())
}

/// What a server sends back for exactly these words, until it closes.
pub(super) async fn asked(port: SocketAddrV4, request: &str) -> Result<String> {
    let mut stream = TcpStream::connect(port).await?;
    stream.write_all(format!("{request}Connection: close\r\n\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
