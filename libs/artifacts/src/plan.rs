//! What one pass will do, worked out from a checked spec and its Secrets. Pure: a plan is a value.
//!
//! Everything a Secret can get wrong is found here, before any connection, and is told by the name of the Secret and
//! its key; the values themselves are never shown.
mod ca_bundle;
mod client_certificate;
pub(crate) mod headers;
mod hooks;
mod inputs;

pub(crate) use client_certificate::ClientCertificate;
pub(crate) use hooks::{Hook, Hooks};

use crate::{Digest, EntryPath, Error};
use bytes::Bytes;
use crds::{
    ExternalSourceSpec, duration,
    external_source::{HttpGenerator, Unpack},
    rules::Valid,
};
use http::{HeaderMap, Method};
use rustls_pki_types::CertificateDer;
use secrecy::{ExposeSecret, SecretSlice};
use std::{collections::BTreeMap, fmt, time::Duration};
use url::Url;

/// A Secret as a plan needs it.
#[derive(Clone, Debug)]
pub struct ReferencedSecret {
    /// Its name.
    pub name: String,
    /// Its `resourceVersion`: another version is another input.
    pub version: String,
    /// Its keys and values.
    pub data: BTreeMap<String, SecretSlice<u8>>,
}

impl ReferencedSecret {
    /// What it holds under `key`.
    fn value(&self, key: &str) -> Result<&[u8], Error> {
        let missing = || Error::SecretKeyMissing { secret: self.name.clone(), key: key.to_owned() };
        Ok(self.data.get(key).ok_or_else(missing)?.expose_secret())
    }
}

/// The Secrets that a spec refers to, as far as it does.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    /// What `headersSecretRef` names.
    pub headers: Option<ReferencedSecret>,
    /// What `caBundleSecretRef` names.
    pub ca_bundle: Option<ReferencedSecret>,
    /// What `certSecretRef` names.
    pub certificate: Option<ReferencedSecret>,
}

/// What one pass will do.
#[derive(Clone)]
pub struct Plan {
    pub(crate) url: Url,
    pub(crate) method: Method,
    /// Headers of the Secret; their values are marked sensitive.
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
    pub(crate) trust: Trust,
    /// Shown to the origin of `url` alone.
    pub(crate) certificate: Option<ClientCertificate>,
    pub(crate) timeout: Duration,
    pub(crate) follow_redirects: bool,
    pub(crate) expected: Expected,
    pub(crate) unpack: Unpack,
    /// `destinationPath` without empty and `.` steps; `None` if nothing is left of it.
    pub(crate) destination: Option<EntryPath>,
    pub(crate) hooks: Hooks,
    pub(crate) inputs: Digest,
}

/// Whose certificates are believed.
#[derive(Clone)]
pub(crate) enum Trust {
    /// Those that the system's authorities signed.
    System,
    /// Those that the system's authorities signed, or these.
    SystemAnd(Vec<CertificateDer<'static>>),
    /// Those that these authorities signed, and no others.
    Bundle(Vec<CertificateDer<'static>>),
    /// Everybody's.
    Anybody,
}

/// What an answer must look like to carry data.
#[derive(Clone)]
pub(crate) struct Expected {
    /// Unset: any 2xx.
    pub(crate) statuses: Option<Vec<u16>>,
    /// Unset: any. Lower case.
    pub(crate) media_types: Option<Vec<String>>,
    /// The digest of the body as received.
    pub(crate) sha256: Option<Digest>,
}

impl Plan {
    /// Works out what to do.
    ///
    /// # Errors
    /// A Secret is missing, lacks a key, or holds what cannot be sent or trusted.
    pub fn new(spec: Valid<'_, ExternalSourceSpec>, secrets: &Secrets) -> Result<Self, Error> {
        let http = spec.generator.http.as_ref().expect("the rules ask for spec.generator.http");
        let destination = spec.destination_path.as_deref().and_then(normalized);
        let hooks = Hooks::new(spec.hooks.as_ref());
        Ok(Self {
            url: Url::parse(&http.url).expect("the rules accepted this url"),
            method: Method::from_bytes(http.method.as_bytes()).expect("the rules accepted this method"),
            headers: headers(http, secrets)?,
            body: http.body.clone().map(Bytes::from),
            trust: trust(http, secrets)?,
            certificate: certificate(http, secrets)?,
            timeout: duration::parse(&spec.timeout).expect("the rules accepted this timeout"),
            follow_redirects: http.follow_redirects.unwrap_or(true),
            expected: Expected::new(http),
            unpack: http.unpack.unwrap_or_default(),
            inputs: inputs::digest(http, secrets, (destination.as_ref(), &hooks)),
            destination,
            hooks,
        })
    }

    /// A digest of everything that shapes the artifact or decides whether an answer is accepted: the request, the
    /// versions of the Secrets, where and how the data is packed. Validators of an earlier answer are worth something
    /// only while it stays the same.
    pub fn inputs_digest(&self) -> Digest {
        self.inputs
    }
}

/// Shows where the plan leads and nothing else: address, headers and body may all hold secrets.
impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").field("host", &self.url.host_str()).finish_non_exhaustive()
    }
}

impl Expected {
    fn new(http: &HttpGenerator) -> Self {
        let code = |code: &i64| u16::try_from(*code).expect("the rules accepted this code");
        let digest =
            |hex: &String| Digest::from_hex(&hex.to_ascii_lowercase()).expect("the rules accepted sha256");
        Self {
            statuses: listed(http.expected_status.as_deref()).map(|list| list.iter().map(code).collect()),
            media_types: listed(http.expected_content_type.as_deref())
                .map(|list| list.iter().map(|range| range.to_ascii_lowercase()).collect()),
            sha256: http.sha256.as_ref().map(digest),
        }
    }
}

/// An empty list says as little as none.
fn listed<T>(list: Option<&[T]>) -> Option<&[T]> {
    list.filter(|list| !list.is_empty())
}

fn headers(http: &HttpGenerator, secrets: &Secrets) -> Result<HeaderMap, Error> {
    let Some(reference) = &http.headers_secret_ref else { return Ok(HeaderMap::new()) };
    headers::from_secret(given(secrets.headers.as_ref(), &reference.name)?)
}

/// A bundle is believed even where `insecureSkipVerify` is set too: whoever gave one meant it.
fn trust(http: &HttpGenerator, secrets: &Secrets) -> Result<Trust, Error> {
    if let Some(reference) = &http.ca_bundle_secret_ref {
        let secret = given(secrets.ca_bundle.as_ref(), &reference.name)?;
        return Ok(Trust::Bundle(ca_bundle::from_secret(secret, &reference.key)?));
    }
    if http.insecure_skip_verify.unwrap_or_default() {
        return Ok(Trust::Anybody);
    }
    let beside = secrets.certificate.as_ref().filter(|secret| secret.data.contains_key(BESIDE_CERTIFICATE));
    match beside.filter(|_| http.cert_secret_ref.is_some()) {
        Some(secret) => Ok(Trust::SystemAnd(ca_bundle::from_secret(secret, BESIDE_CERTIFICATE)?)),
        None => Ok(Trust::System),
    }
}

fn certificate(http: &HttpGenerator, secrets: &Secrets) -> Result<Option<ClientCertificate>, Error> {
    let Some(reference) = &http.cert_secret_ref else { return Ok(None) };
    ClientCertificate::from_secret(given(secrets.certificate.as_ref(), &reference.name)?).map(Some)
}

fn given<'a>(secret: Option<&'a ReferencedSecret>, name: &str) -> Result<&'a ReferencedSecret, Error> {
    secret.ok_or_else(|| Error::SecretNotFound { secret: name.to_owned() })
}

/// Where Secrets of certificates hold the authorities of the other side (cert-manager, Flux).
const BESIDE_CERTIFICATE: &str = "ca.crt";

/// Drops the steps of a path that lead nowhere.
fn normalized(path: &str) -> Option<EntryPath> {
    let steps: Vec<&str> = path.split('/').filter(|step| !matches!(*step, "" | ".")).collect();
    let path = (!steps.is_empty()).then(|| steps.join("/"))?;
    Some(
        EntryPath::new(path).expect("the rules refused `..`, control characters, backslashes and long paths"),
    )
}

#[cfg(test)]
mod tests;
