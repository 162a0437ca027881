//! One HTTP/1.1 connection that stays open, with a client's certificate.
use anyhow::{Context, Result};
use attackers::tls;
use std::net::SocketAddrV4;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;

pub(crate) struct Line(TlsStream<TcpStream>);

impl Line {
    /// `identity` is a certificate and its key, both PEM, in one text.
    pub(crate) async fn open(to: SocketAddrV4, trusted: &[u8], identity: &str) -> Result<Self> {
        let tls = tls::connector(trusted, Some(identity.as_bytes()), Some("http/1.1"))?;
        Ok(Self(tls::connect(&tls, to).await?))
    }

    /// The code of the answer to a GET with these headers, each with its end of line.
    pub(crate) async fn get(&mut self, path: &str, headers: &str) -> Result<u16> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: line\r\n{headers}\r\n");
        self.0.write_all(request.as_bytes()).await?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await.context("the connection is closed")?);
        }
        let head = String::from_utf8(head)?.to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
        let mut body = vec![0; length.parse()?];
        self.0.read_exact(&mut body).await?;
        let code = head.split(' ').nth(1).context("a code")?;
        code.parse().with_context(|| head.clone())
    }
}
