//! Certificates of the cluster's authorities that only a test would ask for.
use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};
use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime},
};

/// An authority of the harness.
pub(crate) struct Authority(Issuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn load(certificate: &Path, key: &Path) -> Result<Self> {
        let key = KeyPair::from_pem(&fs::read_to_string(key)?)?;
        Ok(Self(Issuer::from_ca_cert_pem(&fs::read_to_string(certificate)?, key)?))
    }

    /// One that nobody knows, and its certificate.
    pub(crate) fn new(name: &str) -> Result<(Self, String)> {
        let mut params = CertificateParams::default();
        params.distinguished_name.remove(DnType::CommonName);
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?.pem();
        Ok((Self(Issuer::from_ca_cert_pem(&certificate, key)?), certificate))
    }

    /// A client certificate with that name, and its key, as one PEM text.
    pub(crate) fn client(&self, name: &str) -> Result<String> {
        let (certificate, key) = self.client_pair(name)?;
        Ok(certificate + &key)
    }

    /// The same as two texts.
    pub(crate) fn client_pair(&self, name: &str) -> Result<(String, String)> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.0)?;
        Ok((certificate.pem(), key.serialize_pem()))
    }

    /// A serving certificate for 127.0.0.1, and its key.
    pub(crate) fn leaf(&self) -> Result<(String, String)> {
        self.leaf_of("127.0.0.1")
    }

    /// A serving certificate for that name, and its key.
    pub(crate) fn leaf_of(&self, name: &str) -> Result<(String, String)> {
        let key = KeyPair::generate()?;
        let leaf = CertificateParams::new([name.to_owned()])?.signed_by(&key, &self.0)?;
        Ok((leaf.pem(), key.serialize_pem()))
    }
}

/// The certificate of Postern's own authority as it would be had it been made two hours ago: for clients another
/// certificate of the same authority, since name and key are the same.
pub(crate) fn aged_authority(key: &str) -> Result<String> {
    const HOUR: Duration = Duration::from_secs(3600);
    let mut params = CertificateParams::default();
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, "postern-ca");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    // It is valid from an hour before it is made.
    params.not_before = (SystemTime::now() - 3 * HOUR).into();
    params.not_after = (SystemTime::now() + 3650 * 24 * HOUR).into();
    Ok(params.self_signed(&KeyPair::from_pem(key)?)?.pem())
}

/// A serving certificate for 127.0.0.1 that this authority signed and that has expired, and its key.
pub(crate) fn expired_leaf(authority: &str, key: &str) -> Result<(String, String)> {
    let authority = Issuer::from_ca_cert_pem(authority, KeyPair::from_pem(key)?)?;
    let mut params = CertificateParams::new(["127.0.0.1".to_owned()])?;
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2020, 2, 1);
    let key = KeyPair::generate()?;
    Ok((params.signed_by(&key, &authority)?.pem(), key.serialize_pem()))
}

/// A serving certificate for 127.0.0.1 of an authority that nobody knows, and its key.
pub(crate) fn foreign_leaf() -> Result<(String, String)> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let leaf = CertificateParams::new(["127.0.0.1".to_owned()])?.signed_by(&key, &authority)?;
    Ok((leaf.pem(), key.serialize_pem()))
}
