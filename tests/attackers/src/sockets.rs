//! Connections as an attacker holds them: a beginning, then a byte now and then, and again whenever they are closed.
use crate::tls;
use anyhow::{Context, Result};
use bytes::Bytes;
use std::{
    net::SocketAddrV4,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time,
};
use tokio_rustls::TlsConnector;

/// The pause between two bytes.
const DRIP: Duration = Duration::from_millis(500);

/// Connections of one kind, held until this is dropped.
pub struct Held {
    wanted: u64,
    made: Arc<AtomicU64>,
    _tasks: JoinSet<()>,
}

/// What to hold open, and where.
#[derive(Clone)]
pub struct Slow {
    /// Where to connect to.
    pub port: SocketAddrV4,
    /// Nothing where no handshake is to be done.
    pub tls: Option<TlsConnector>,
    /// What is said at once; a connection that says nothing stays silent.
    pub beginning: Bytes,
}

impl Held {
    /// Holds `count` of them from now on, on the runtime that this is called on.
    pub fn new(count: u64, slow: &Slow) -> Self {
        let made = Arc::<AtomicU64>::default();
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

    /// How many connections were made, which goes on counting.
    pub fn count(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.made)
    }

    /// Whether as many connections as wanted were made at least once.
    pub fn is_complete(&self) -> bool {
        self.made.load(Ordering::Relaxed) >= self.wanted
    }
}

impl Slow {
    async fn hold(&self, made: &AtomicU64) -> Result<()> {
        match &self.tls {
            None => self.drip(TcpStream::connect(self.port).await?, made).await,
            Some(tls) => self.drip(tls::connect(tls, self.port).await?, made).await,
        }
    }

    async fn drip(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin, made: &AtomicU64) -> Result<()> {
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

/// What a server sends back for exactly these words, until it closes.
///
/// # Errors
/// It cannot be reached, or closes in the middle.
pub async fn asked(port: SocketAddrV4, request: &str) -> Result<String> {
    let mut stream = TcpStream::connect(port).await?;
    stream.write_all(format!("{request}Connection: close\r\n\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
