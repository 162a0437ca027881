//! A client that costs little itself: HTTP/2 over TLS, as kube-apiserver's own connections are.
use anyhow::{Context, Result, anyhow, ensure};
use bytes::Bytes;
use cluster::{Cluster, Wardle};
use http::{
    Method, Request,
    header::{ACCEPT, ACCEPT_ENCODING},
};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Incoming,
    client::conn::http2::{self, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use std::{
    net::{IpAddr, SocketAddrV4},
    sync::Arc,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Who comes to a server.
#[derive(Clone, Copy)]
pub(crate) enum Who {
    /// A member of `system:masters`, by the certificate.
    Administrator,
    /// kube-apiserver, which says for whom.
    FrontProxy(&'static str),
    /// Somebody without a certificate.
    Stranger,
}

/// A way to one server.
pub(crate) struct Way {
    address: SocketAddrV4,
    tls: Arc<ClientConfig>,
    who: Who,
}

/// One connection; clones share it.
#[derive(Clone)]
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    server: String,
    who: Who,
}

impl Way {
    pub(crate) fn to(server: &Wardle, cluster: &Cluster, who: Who) -> Result<Self> {
        let pki = |name: &str| cluster.directory().pki(name);
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(pki("kubernetes-ca.crt"))?)?;
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);
        let with = |name: &str| {
            let key = PrivateKeyDer::from_pem_file(pki(&format!("{name}.key")))?;
            let certificate = CertificateDer::from_pem_file(pki(&format!("{name}.crt")))?;
            anyhow::Ok(builder.clone().with_client_auth_cert(vec![certificate], key)?)
        };
        let mut tls = match who {
            Who::Administrator => with("admin")?,
            Who::FrontProxy(_) => with("front-proxy-client")?,
            Who::Stranger => builder.clone().with_no_client_auth(),
        };
        tls.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Self { address: server.address(), tls: Arc::new(tls), who })
    }

    pub(crate) async fn connect(&self) -> Result<Connection> {
        let socket = TcpStream::connect(self.address).await?;
        socket.set_nodelay(true)?;
        let name = IpAddr::from(*self.address.ip()).into();
        let tls = TlsConnector::from(Arc::clone(&self.tls)).connect(name, socket).await?;
        let (sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(tls)).await.context("no HTTP/2")?;
        // Its end shows in the requests that are under way.
        tokio::spawn(async { drop(connection.await) });
        Ok(Connection { sender, server: format!("https://{}", self.address), who: self.who })
    }
}

impl Connection {
    /// A request of whoever this connection is for.
    pub(crate) fn request(
        &self,
        method: Method,
        path: &str,
        accept: &str,
        body: impl Into<Bytes>,
    ) -> Result<Request<Full<Bytes>>> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.server))
            .header(ACCEPT, accept)
            .header(ACCEPT_ENCODING, "identity");
        if let Who::FrontProxy(user) = self.who {
            request = request.header("x-remote-user", user).header("x-remote-group", "system:authenticated");
        }
        Ok(request.body(Full::new(body.into()))?)
    }

    /// The body of an answer that must be a good one, as it comes.
    pub(crate) async fn open(&mut self, request: Request<Full<Bytes>>) -> Result<Incoming> {
        let what = format!("{} {}", request.method(), request.uri().path());
        let answer = self.sender.send_request(request).await.map_err(|error| anyhow!("{what}: {error}"))?;
        if answer.status().is_success() {
            return Ok(answer.into_body());
        }
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        Err(anyhow!("{what} got {status}: {}", String::from_utf8_lossy(&body)))
    }

    /// Reads an answer to its end, and returns its size.
    pub(crate) async fn fetch(&mut self, request: Request<Full<Bytes>>) -> Result<usize> {
        let mut body = self.open(request).await?;
        let mut size = 0;
        while let Some(frame) = body.frame().await {
            size += frame?.data_ref().map_or(0, Bytes::len);
        }
        ensure!(size > 0, "an answer has no body");
        Ok(size)
    }
}
