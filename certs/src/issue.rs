//! Makes keys and certificates: ECDSA on P-256, which every client knows and every handshake is quick with.
use crate::{
    error::Error,
    pair::Pair,
    plan::{Lifespan, Lifetimes},
};
use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};
use secrecy::ExposeSecret as _;
use std::{collections::BTreeSet, time::SystemTime};

/// A new CA.
pub(crate) fn authority(lifetimes: &Lifetimes, now: Timestamp) -> Result<Pair, Error> {
    let failed = |source| Error::Issue { names: "postern-ca".to_owned(), source };
    let key = KeyPair::generate().map_err(failed)?;
    let mut params = CertificateParams::default();
    valid_for(&mut params, Lifespan::starting(now, lifetimes.authority));
    params.distinguished_name = common_name("postern-ca");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let certificate = params.self_signed(&key).map_err(failed)?;
    Pair::read_authority(certificate.pem().as_bytes(), key.serialize_pem().as_bytes())
        .map_err(|source| Error::UnusableIssue { source })
}

/// A new leaf, which never outlives its CA.
pub(crate) fn leaf(
    authority: &Pair,
    names: &BTreeSet<String>,
    lifetimes: &Lifetimes,
    now: Timestamp,
) -> Result<Pair, Error> {
    let failed = |source| Error::Issue { names: list(names), source };
    let issuer = issuer(authority).map_err(failed)?;
    let key = KeyPair::generate().map_err(failed)?;
    let mut params = CertificateParams::new(Vec::from_iter(names.clone())).map_err(failed)?;
    let lives = Lifespan::starting(now, lifetimes.leaf);
    valid_for(&mut params, Lifespan { until: lives.until.min(authority.lives.until), ..lives });
    params.distinguished_name = common_name("postern");
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = params.signed_by(&key, &issuer).map_err(failed)?;
    Pair::read(certificate.pem().as_bytes(), key.serialize_pem().as_bytes())
        .map_err(|source| Error::UnusableIssue { source })
}

fn issuer(authority: &Pair) -> Result<Issuer<'static, KeyPair>, rcgen::Error> {
    let key = String::from_utf8_lossy(authority.key_pem.expose_secret());
    Issuer::from_ca_cert_der(&authority.leaf, KeyPair::from_pem(&key)?)
}

fn valid_for(params: &mut CertificateParams, lives: Lifespan) {
    params.not_before = SystemTime::from(lives.from).into();
    params.not_after = SystemTime::from(lives.until).into();
}

fn common_name(name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    subject
}

fn list(names: &BTreeSet<String>) -> String {
    Vec::from_iter(names.iter().map(String::as_str)).join(", ")
}
