//! A key of a Secret as the certificates to believe.
use super::ReferencedSecret;
use crate::Error;
use crds::external_source::SecretKeyReference;
use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, pem::PemObject};

/// More than twice what browsers ship; more would be read again for every pass.
const LARGEST: usize = 512 * 1024;
/// As above; bounds the work of handshakes.
const MOST: usize = 1000;

/// Certificates to believe, and where they stand.
#[derive(Clone)]
pub(crate) struct CaBundle {
    pub(crate) stands_in: SecretKeyReference,
    pub(crate) certificates: Vec<CertificateDer<'static>>,
}

/// The certificates under `key`.
///
/// # Errors
/// The key is missing, or holds something else than PEM certificates.
pub(crate) fn from_secret(secret: &ReferencedSecret, key: &str) -> Result<CaBundle, Error> {
    let (name, key) = (secret.name.clone(), key.to_owned());
    match parse(secret.value(&key)?) {
        Ok(certificates) => Ok(CaBundle { stands_in: SecretKeyReference { name, key }, certificates }),
        Err(problem) => Err(Error::InvalidCaBundle { secret: name, key, problem }),
    }
}

fn parse(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    if pem.len() > LARGEST {
        return Err("it is larger than 512 KiB");
    }
    let mut authorities = RootCertStore::empty();
    let mut found = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|_| "it is not PEM")?;
        if found.len() == MOST {
            return Err("it holds more than 1,000 certificates");
        }
        authorities.add(certificate.clone()).map_err(|_| "one of its certificates cannot be read")?;
        found.push(certificate);
    }
    if found.is_empty() { Err("it holds no certificate in PEM") } else { Ok(found) }
}
