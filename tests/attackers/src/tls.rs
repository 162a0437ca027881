//! TLS for tests that speak to a server byte by byte.
use anyhow::Result;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use std::{net::SocketAddrV4, sync::Arc};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream, rustls};

/// TLS that trusts this bundle. `identity` is a client's certificate and key, both PEM, in one text.
///
/// # Errors
/// What should be PEM is not.
pub fn connector(trusted: &[u8], identity: Option<&[u8]>, protocol: Option<&str>) -> Result<TlsConnector> {
    let mut roots = rustls::RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(trusted) {
        roots.add(authority?)?;
    }
    let config = rustls::ClientConfig::builder().with_root_certificates(roots);
    let mut config = match identity {
        None => config.with_no_client_auth(),
        Some(pem) => {
            let chain = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>()?;
            config.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(pem)?)?
        }
    };
    config.alpn_protocols = protocol.map(|protocol| protocol.as_bytes().to_vec()).into_iter().collect();
    Ok(Arc::new(config).into())
}

/// A connection whose handshake is done.
///
/// # Errors
/// Nobody listens, or the server is not trusted.
pub async fn connect(tls: &TlsConnector, to: SocketAddrV4) -> Result<TlsStream<TcpStream>> {
    let name = ServerName::from(std::net::IpAddr::from(*to.ip()));
    Ok(tls.connect(name, TcpStream::connect(to).await?).await?)
}
