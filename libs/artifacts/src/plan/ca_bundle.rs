//! A key of a Secret as the certificates to believe.
use super::ReferencedSecret;
use crate::Error;
use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, pem::PemObject};

/// More than twice what browsers ship; more would be read again for every pass.
const LARGEST: usize = 512 * 1024;
/// As above; bounds the work of handshakes.
const MOST: usize = 1000;

/// The certificates under `key`.
///
/// # Errors
/// The key is missing, or holds something else than PEM certificates.
pub(crate) fn from_secret(
    secret: &ReferencedSecret,
    key: &str,
) -> Result<Vec<CertificateDer<'static>>, Error> {
    parse(secret.value(key)?).map_err(|problem| Error::InvalidCaBundle {
        secret: secret.name.clone(),
        key: key.to_owned(),
        problem,
    })
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
