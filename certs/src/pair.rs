//! A certificate with its key: read from PEM, and checked to belong together. Pure.
use crate::plan::Lifespan;
use jiff::Timestamp;
use rustls::{
    RootCertStore, client::verify_server_cert_signed_by_trust_anchor, crypto::aws_lc_rs,
    server::ParsedCertificate, sign::CertifiedKey,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject as _};
use secrecy::SecretSlice;
use std::{collections::BTreeSet, net::IpAddr, time::Duration};
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer as _};

/// Why a pair cannot serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unusable {
    /// There is no certificate in it.
    #[error("it holds no certificate in PEM")]
    NoCertificate,
    /// There is no key in it.
    #[error("it holds no private key in PEM")]
    NoKey,
    /// The certificate cannot be read, or the key is of another one.
    #[error("certificate and key do not fit together")]
    Mismatch {
        /// What is wrong.
        #[source]
        source: rustls::Error,
    },
    /// The certificate is no X.509, or holds times that do not exist.
    #[error("the certificate is malformed")]
    Malformed,
    /// It should be a CA's.
    #[error("the certificate is not that of a CA")]
    NotAuthority,
}

/// A chain and its key, known to belong together.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) chain_pem: Vec<u8>,
    pub(crate) key_pem: SecretSlice<u8>,
    /// The first certificate of the chain.
    pub(crate) leaf: CertificateDer<'static>,
    pub(crate) lives: Lifespan,
    /// DNS names and IP addresses of the leaf.
    pub(crate) names: BTreeSet<String>,
}

impl Pair {
    /// Reads a chain, leaf first, and the key of the leaf.
    pub(crate) fn read(chain_pem: &[u8], key_pem: &[u8]) -> Result<Self, Unusable> {
        let chain = certificates(chain_pem);
        let leaf = chain.first().cloned().ok_or(Unusable::NoCertificate)?;
        let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(|_| Unusable::NoKey)?;
        CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
            .map_err(|source| Unusable::Mismatch { source })?;
        let (_, x509) = X509Certificate::from_der(&leaf).map_err(|_| Unusable::Malformed)?;
        let (lives, names) = (lifespan(&x509).ok_or(Unusable::Malformed)?, names(&x509));
        Ok(Self { chain_pem: chain_pem.to_vec(), key_pem: key_pem.to_vec().into(), leaf, lives, names })
    }

    /// Reads the certificate and key of a CA.
    pub(crate) fn read_authority(certificate_pem: &[u8], key_pem: &[u8]) -> Result<Self, Unusable> {
        let pair = Self::read(certificate_pem, key_pem)?;
        if is_authority(&pair.leaf) { Ok(pair) } else { Err(Unusable::NotAuthority) }
    }

    /// Whether `authority` signed the leaf, whatever time it is now: asked for the leaf's last moment, at which its
    /// CA lives too, since no leaf of ours outlives it.
    pub(crate) fn is_signed_by(&self, authority: &CertificateDer<'_>) -> bool {
        let mut roots = RootCertStore::empty();
        let Ok(leaf) = ParsedCertificate::try_from(&self.leaf) else { return false };
        let Ok(seconds) = u64::try_from(self.lives.until.as_second()) else { return false };
        let end = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms.all;
        roots.add(authority.clone().into_owned()).is_ok()
            && verify_server_cert_signed_by_trust_anchor(&leaf, &roots, &[], end, algorithms).is_ok()
    }
}

/// A certificate that clients trust.
#[derive(Clone, Debug)]
pub(crate) struct Trusted {
    pub(crate) der: CertificateDer<'static>,
    pub(crate) lives: Lifespan,
}

/// The CAs in a bundle; what is none is left out.
pub(crate) fn authorities(bundle_pem: &[u8]) -> Vec<Trusted> {
    let read = |der: CertificateDer<'static>| {
        let lives = lifespan(&X509Certificate::from_der(&der).ok()?.1)?;
        is_authority(&der).then_some(Trusted { der, lives })
    };
    certificates(bundle_pem).into_iter().filter_map(read).collect()
}

/// The certificates of a PEM text; what is none is left out.
fn certificates(pem: &[u8]) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).collect()
}

fn is_authority(der: &CertificateDer<'_>) -> bool {
    X509Certificate::from_der(der).is_ok_and(|(_, x509)| x509.is_ca())
}

/// RFC 5280 writes "without end" as the last second of the year 9999, a day more than our clock holds.
fn lifespan(x509: &X509Certificate<'_>) -> Option<Lifespan> {
    let validity = x509.validity();
    let from = Timestamp::from_second(validity.not_before.timestamp()).ok()?;
    let until = Timestamp::from_second(validity.not_after.timestamp()).unwrap_or(Timestamp::MAX);
    Some(Lifespan { from, until })
}

fn names(x509: &X509Certificate<'_>) -> BTreeSet<String> {
    let Ok(Some(extension)) = x509.subject_alternative_name() else { return BTreeSet::new() };
    extension.value.general_names.iter().filter_map(name).collect()
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|octets| IpAddr::from(octets).to_string()),
            16 => <[u8; 16]>::try_from(*bytes).ok().map(|octets| IpAddr::from(octets).to_string()),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    #[test]
    fn a_certificate_without_end_is_one_like_any_other() {
        let mut params = CertificateParams::new(["postern.test".to_owned()]).unwrap();
        params.not_after = date_time_ymd(9999, 12, 31);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let pair = Pair::read(certificate.pem().as_bytes(), key.serialize_pem().as_bytes()).unwrap();
        assert_eq!(pair.lives.until, Timestamp::MAX);
        assert!(pair.lives.renew_at() < Timestamp::MAX);
    }
}
