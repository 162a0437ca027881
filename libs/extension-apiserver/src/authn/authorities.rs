//! A bundle of certificate authorities, and what they vouch for.
use rustls::{
    RootCertStore,
    crypto::aws_lc_rs,
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};
use rustls_pki_types::{CertificateDer, UnixTime, pem::PemObject};
use std::{fmt, sync::Arc};
use thiserror::Error;
use x509_parser::{parse_x509_certificate, time::ASN1Time};

/// Several at once while one replaces another.
#[derive(Clone)]
pub(crate) struct Authorities {
    certificates: Vec<CertificateDer<'static>>,
    verifier: Arc<dyn ClientCertVerifier>,
}

/// Why a text is no bundle.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum BundleError {
    #[error("holds no certificate")]
    Empty,
    #[error("holds something that is not a certificate")]
    Malformed,
    #[error("holds only certificates that are expired or not valid yet")]
    Expired,
}

impl Authorities {
    /// Reads PEM. Leaves out what is not valid at `now`, since a chain ends here without a look at the dates of its root.
    pub(crate) fn parse(pem: &str, now: UnixTime) -> Result<Self, BundleError> {
        let all: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(pem.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|_| BundleError::Malformed)?;
        if all.is_empty() {
            return Err(BundleError::Empty);
        }
        let mut certificates = Vec::with_capacity(all.len());
        for certificate in all {
            if is_valid_at(&certificate, now)? {
                certificates.push(certificate);
            }
        }
        if certificates.is_empty() {
            return Err(BundleError::Expired);
        }
        let verifier = verifier(&certificates).map_err(|_| BundleError::Malformed)?;
        Ok(Self { certificates, verifier })
    }

    /// Whether the chain (leaf first) ends at one of these authorities and its leaf is for clients.
    pub(crate) fn verify(&self, chain: &[CertificateDer<'_>], now: UnixTime) -> Result<(), rustls::Error> {
        let Some((leaf, intermediates)) = chain.split_first() else {
            return Err(rustls::Error::NoCertificatesPresented);
        };
        self.verifier.verify_client_cert(leaf, intermediates, now).map(|_| ())
    }

    /// Whether a certificate of `other` is also one of these.
    pub(crate) fn overlap(&self, other: &Self) -> bool {
        self.certificates.iter().any(|certificate| other.certificates.contains(certificate))
    }
}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authorities({})", self.certificates.len())
    }
}

fn is_valid_at(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<bool, BundleError> {
    let (_, parsed) = parse_x509_certificate(certificate).map_err(|_| BundleError::Malformed)?;
    let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let now = ASN1Time::from_timestamp(seconds).map_err(|_| BundleError::Malformed)?;
    Ok(parsed.validity().is_valid_at(now))
}

fn verifier(certificates: &[CertificateDer<'static>]) -> Result<Arc<dyn ClientCertVerifier>, rustls::Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate.clone())?;
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))
}
