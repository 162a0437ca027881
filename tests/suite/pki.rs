//! Certificates of the cluster's authorities that only a test would ask for.
use anyhow::Result;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair};
use std::{fs, path::Path};

/// An authority of the harness.
pub(crate) struct Authority(Issuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn load(certificate: &Path, key: &Path) -> Result<Self> {
        let key = KeyPair::from_pem(&fs::read_to_string(key)?)?;
        Ok(Self(Issuer::from_ca_cert_pem(&fs::read_to_string(certificate)?, key)?))
    }

    /// A client certificate with that name, and its key, as one PEM text.
    pub(crate) fn client(&self, name: &str) -> Result<String> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.0)?;
        Ok(certificate.pem() + &key.serialize_pem())
    }
}
