//! Who is at the other end of a connection.
use aws_lc_rs::digest::{Context, SHA256, SHA256_OUTPUT_LEN};
use rustls_pki_types::CertificateDer;
use std::{net::SocketAddr, ops::Deref, sync::Arc};

/// Who is at the other end of the connection; in the extensions of every request.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Where the connection comes from.
    pub address: SocketAddr,
    /// What the client presented.
    pub certificates: Chain,
}

/// The certificates that a client presented, leaf first; none if it presented none. The leaf's key was proven in the
/// handshake; nothing else was checked. Clones share them.
#[derive(Clone, Debug)]
pub struct Chain(Arc<Presented>);

#[derive(Debug)]
struct Presented {
    certificates: Vec<CertificateDer<'static>>,
    fingerprint: Fingerprint,
}

pub(crate) type Fingerprint = [u8; SHA256_OUTPUT_LEN];

impl Chain {
    /// What tells it from every other chain. Made once, when the connection begins.
    pub(crate) fn fingerprint(&self) -> &Fingerprint {
        &self.0.fingerprint
    }
}

impl From<Vec<CertificateDer<'static>>> for Chain {
    fn from(certificates: Vec<CertificateDer<'static>>) -> Self {
        let mut context = Context::new(&SHA256);
        // Each certificate carries its own length, so one after the other they are unambiguous.
        certificates.iter().for_each(|certificate| context.update(certificate));
        let fingerprint = context.finish().as_ref().try_into().expect("SHA-256 gives 32 bytes");
        Self(Arc::new(Presented { certificates, fingerprint }))
    }
}

impl Deref for Chain {
    type Target = [CertificateDer<'static>];

    fn deref(&self) -> &Self::Target {
        &self.0.certificates
    }
}
