//! A proxy that makes tunnels for whoever knows its password, and remembers where to.
use anyhow::Result;
use base64::{Engine, prelude::BASE64_STANDARD};
use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use tokio_util::task::AbortOnDropHandle;

/// The proxy; it ends when it is dropped.
pub(super) struct Tunnel {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    _running: AbortOnDropHandle<()>,
}

impl Tunnel {
    /// For whoever has this user and password, with a colon between.
    pub(super) async fn open(pair: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let (log, pass) = (Arc::clone(&seen), format!("Basic {}", BASE64_STANDARD.encode(pair)));
        let running = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(lead(stream, pass.clone(), Arc::clone(&log)));
            }
        });
        Ok(Self { address, seen, _running: AbortOnDropHandle::new(running) })
    }

    pub(super) fn address(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn host(&self) -> String {
        self.address.to_string()
    }

    /// The first line of each request that it has let through.
    pub(super) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn lead(mut stream: TcpStream, pass: String, log: Arc<Mutex<Vec<String>>>) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let line = text.lines().next().unwrap_or_default().to_owned();
    let target = line.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next());
    let Some(target) = target.filter(|_| text.contains(&pass)) else {
        let refusal =
            "HTTP/1.1 407 Proxy Authentication Required\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        return stream.write_all(refusal.as_bytes()).await;
    };
    let mut server = TcpStream::connect(target).await?;
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    log.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    copy_bidirectional(&mut stream, &mut server).await.map(drop)
}
