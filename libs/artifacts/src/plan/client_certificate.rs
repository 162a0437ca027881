//! A Secret as the certificate to show to a source (mutual TLS), with its key.
use super::ReferencedSecret;
use crate::Error;
use rustls::{crypto::aws_lc_rs, sign::CertifiedKey};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use secrecy::{ExposeSecret, SecretSlice};
use std::sync::Arc;

const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";

/// More than any chain and any key; more would be read again for every pass.
const LARGEST: usize = 64 * 1024;

/// A certificate, those that lead to its authority, and its key: a pair that belongs together.
#[derive(Clone)]
pub(crate) struct ClientCertificate(SecretSlice<u8>);

impl ClientCertificate {
    /// What the Secret holds under `tls.crt` and `tls.key`.
    ///
    /// # Errors
    /// One of the keys is missing, is not PEM, or belongs to another pair; the error names the key, never its value.
    pub(crate) fn from_secret(secret: &ReferencedSecret) -> Result<Self, Error> {
        let [certificate, key] = [pem(secret, CERTIFICATE)?, pem(secret, KEY)?];
        check(certificate, key).map_err(|(key, problem)| refused(secret, key, problem))?;
        Ok(Self([certificate, b"\n", key].concat().into()))
    }

    /// Both as one PEM document.
    pub(crate) fn pem(&self) -> &[u8] {
        self.0.expose_secret()
    }
}

fn pem<'a>(secret: &'a ReferencedSecret, key: &'static str) -> Result<&'a [u8], Error> {
    let pem = secret.value(key)?;
    if pem.len() > LARGEST { Err(refused(secret, key, "it is larger than 64 KiB")) } else { Ok(pem) }
}

fn refused(secret: &ReferencedSecret, key: &'static str, problem: &'static str) -> Error {
    Error::InvalidClientCertificate { secret: secret.name.clone(), key, problem }
}

/// Whether they can be used; if not, which of them, and why.
fn check(certificate: &[u8], key: &[u8]) -> Result<(), (&'static str, &'static str)> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(certificate)
        .collect::<Result<_, _>>()
        .map_err(|_| (CERTIFICATE, "it is not PEM"))?;
    if chain.is_empty() {
        return Err((CERTIFICATE, "it holds no certificate in PEM"));
    }
    let no_key = "it holds no private key in PEM that is not encrypted";
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| (KEY, no_key))?;
    let key = aws_lc_rs::sign::any_supported_type(&key)
        .map_err(|_| (KEY, "it is of a kind that TLS does not use"))?;
    match CertifiedKey::new(chain, Arc::clone(&key)).keys_match() {
        Ok(()) => Ok(()),
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err((KEY, "it is not the key of the certificate in tls.crt"))
        }
        Err(_) => Err((CERTIFICATE, "the certificate cannot be read")),
    }
}
