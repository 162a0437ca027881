//! The serving certificate, replaced without a restart, and how client certificates are asked for.
use arc_swap::ArcSwap;
use rustls::{
    DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};
use rustls_pki_types::{
    CertificateDer, PrivateKeyDer, UnixTime,
    pem::{self, PemObject},
};
use std::{fmt, sync::Arc};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_rustls::{Accept, TlsAcceptor};

/// A serving certificate that can be replaced while connections are open. Clones share it.
///
/// Each handshake takes the pair that is current at its start; established connections go on undisturbed.
#[derive(Clone)]
pub struct Tls {
    current: Arc<ArcSwap<ServerConfig>>,
    clients: ClientCertificates,
}

/// What the handshake does about certificates of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertificates {
    /// Does not ask for one.
    Ignore,
    /// Asks for one, never requires it, and refuses none in the handshake: whoever reads [`super::Peer`] judges the
    /// chain for each request, so that a change of the trusted authorities acts on open connections too. That the
    /// client holds the key of its certificate is checked here.
    Request,
}

/// Why a certificate and key cannot be served.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// There is none in the PEM text.
    #[error("the serving certificate file holds no certificate")]
    NoCertificate,
    /// Not PEM.
    #[error("failed to read the serving certificate")]
    MalformedCertificate {
        /// What the parser says.
        #[source]
        source: pem::Error,
    },
    /// Not PEM, or no key in it.
    #[error("failed to read the key of the serving certificate")]
    MalformedKey {
        /// What the parser says.
        #[source]
        source: pem::Error,
    },
    /// The two do not belong together, or are of a kind that is not supported.
    #[error("the serving certificate cannot be used with its key")]
    Unusable {
        /// What rustls says.
        #[source]
        source: rustls::Error,
    },
}

impl TlsError {
    /// A stable word for conditions and metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NoCertificate | Self::MalformedCertificate { .. } => "MalformedCertificate",
            Self::MalformedKey { .. } => "MalformedKey",
            Self::Unusable { .. } => "UnusableCertificate",
        }
    }
}

impl Tls {
    /// Serves this chain (leaf first) with this key, both PEM.
    pub fn new(chain_pem: &[u8], key_pem: &[u8], clients: ClientCertificates) -> Result<Self, TlsError> {
        let config = server_config(chain_pem, key_pem, clients)?;
        Ok(Self { current: Arc::new(ArcSwap::from_pointee(config)), clients })
    }

    /// Serves another chain and key from the next handshake on. On an error the previous pair stays.
    pub fn replace(&self, chain_pem: &[u8], key_pem: &[u8]) -> Result<(), TlsError> {
        self.current.store(Arc::new(server_config(chain_pem, key_pem, self.clients)?));
        Ok(())
    }

    pub(super) fn handshake(&self, stream: TcpStream) -> Accept<TcpStream> {
        TlsAcceptor::from(self.current.load_full()).accept(stream)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("clients", &self.clients).finish_non_exhaustive()
    }
}

fn server_config(
    chain_pem: &[u8],
    key_pem: &[u8],
    clients: ClientCertificates,
) -> Result<ServerConfig, TlsError> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain_pem)
        .collect::<Result<_, _>>()
        .map_err(|source| TlsError::MalformedCertificate { source })?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate);
    }
    let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(|source| TlsError::MalformedKey { source })?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let algorithms = provider.signature_verification_algorithms;
    let builder = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|source| TlsError::Unusable { source })?;
    let builder = match clients {
        ClientCertificates::Ignore => builder.with_no_client_auth(),
        ClientCertificates::Request => builder.with_client_cert_verifier(Arc::new(ProofOfKey { algorithms })),
    };
    let mut config = builder.with_single_cert(chain, key).map_err(|source| TlsError::Unusable { source })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Accepts every chain, and checks only that the client holds the key of its leaf.
#[derive(Debug)]
struct ProofOfKey {
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for ProofOfKey {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    /// No hints: Go's client would otherwise send its certificate only if one of the hinted authorities issued it.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
