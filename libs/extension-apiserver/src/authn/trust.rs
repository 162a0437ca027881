//! Whom to believe: the contents of the ConfigMap `kube-system/extension-apiserver-authentication`, read into values.
//!
//! Pure. kube-apiserver writes the ConfigMap and replaces it whenever its authorities change.
use super::authorities::{Authorities, BundleError};
use http::HeaderName;
use rustls_pki_types::UnixTime;
use std::collections::BTreeMap;
use thiserror::Error;

/// Where the ConfigMap lies.
pub(crate) const NAMESPACE: &str = "kube-system";
/// What it is called.
pub(crate) const NAME: &str = "extension-apiserver-authentication";

pub(super) const CLIENT_CA: &str = "client-ca-file";
pub(super) const PROXY_CA: &str = "requestheader-client-ca-file";
pub(super) const ALLOWED_NAMES: &str = "requestheader-allowed-names";
pub(super) const USERNAME_HEADERS: &str = "requestheader-username-headers";
pub(super) const UID_HEADERS: &str = "requestheader-uid-headers";
pub(super) const GROUP_HEADERS: &str = "requestheader-group-headers";
pub(super) const EXTRA_PREFIXES: &str = "requestheader-extra-headers-prefix";

/// What is believed at one moment. The default believes nobody.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trust {
    /// Grows with each change, so that what was concluded from an older one can be told apart.
    pub(crate) generation: u64,
    /// Vouch for users with client certificates.
    pub(crate) clients: Option<Authorities>,
    /// Vouches for whom it names in headers.
    pub(crate) front_proxy: Option<FrontProxy>,
}

/// kube-apiserver as a proxy.
#[derive(Clone, Debug)]
pub(crate) struct FrontProxy {
    pub(crate) authorities: Authorities,
    /// Common names that its certificate may have; empty for any.
    pub(crate) allowed_names: Vec<String>,
    pub(crate) headers: IdentityHeaders,
}

/// Where it says whom it speaks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct IdentityHeaders {
    pub(crate) username: Vec<HeaderName>,
    /// Empty unless configured: an older kube-apiserver does not strip a UID header that a client made up.
    pub(crate) uid: Vec<HeaderName>,
    pub(crate) group: Vec<HeaderName>,
    /// In lower case.
    pub(crate) extra_prefixes: Vec<String>,
}

/// What is wrong with the ConfigMap.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum Problem {
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("{0} is not a JSON list of strings")]
    NotAList(&'static str),
    #[error("{key} names {name:?}, which cannot be a header")]
    NotAHeader { key: &'static str, name: String },
    #[error("{key} {source}")]
    Bundle { key: &'static str, source: BundleError },
    #[error(
        "requestheader-client-ca-file and client-ca-file share an authority and requestheader-allowed-names is empty: \
         any user with a client certificate could act as anybody"
    )]
    AnyClientIsFrontProxy,
}

impl Trust {
    /// What to believe next. A part that cannot be read stays as it was, unless to go on believing it would be unsafe.
    pub(crate) fn next(&self, data: &BTreeMap<String, String>, now: UnixTime) -> (Self, Vec<Problem>) {
        let mut problems = Vec::new();
        let clients = match bundle(data, CLIENT_CA, now) {
            Ok(authorities) => Some(authorities),
            Err(Problem::Missing(_)) if self.clients.is_none() => None,
            Err(problem) => kept(&self.clients, problem, &mut problems),
        };
        let mut front_proxy = match FrontProxy::read(data, now) {
            Ok(front_proxy) => Some(front_proxy),
            Err(problem) => kept(&self.front_proxy, problem, &mut problems),
        };
        if front_proxy.as_ref().is_some_and(|proxy| proxy.is_any_of(clients.as_ref())) {
            problems.push(Problem::AnyClientIsFrontProxy);
            front_proxy = None;
        }
        (Self { generation: self.generation + 1, clients, front_proxy }, problems)
    }
}

/// The previous part, and the problem noted. Authorities that have all expired vouch for nobody.
fn kept<T: Clone>(previous: &Option<T>, problem: Problem, problems: &mut Vec<Problem>) -> Option<T> {
    let is_expired = matches!(problem, Problem::Bundle { source: BundleError::Expired, .. });
    problems.push(problem);
    if is_expired { None } else { previous.clone() }
}

impl FrontProxy {
    fn read(data: &BTreeMap<String, String>, now: UnixTime) -> Result<Self, Problem> {
        Ok(Self {
            authorities: bundle(data, PROXY_CA, now)?,
            allowed_names: list(data, ALLOWED_NAMES)?,
            headers: IdentityHeaders {
                username: headers(data, USERNAME_HEADERS)?,
                uid: headers(data, UID_HEADERS)?,
                group: headers(data, GROUP_HEADERS)?,
                extra_prefixes: prefixes(data)?,
            },
        })
    }

    /// Whether a certificate of any of these clients would make it the front proxy.
    fn is_any_of(&self, clients: Option<&Authorities>) -> bool {
        self.allowed_names.is_empty() && clients.is_some_and(|clients| self.authorities.overlap(clients))
    }
}

fn bundle(data: &BTreeMap<String, String>, key: &'static str, now: UnixTime) -> Result<Authorities, Problem> {
    let pem = data.get(key).filter(|pem| !pem.is_empty()).ok_or(Problem::Missing(key))?;
    Authorities::parse(pem, now).map_err(|source| Problem::Bundle { key, source })
}

/// A missing or empty value is an empty list.
fn list(data: &BTreeMap<String, String>, key: &'static str) -> Result<Vec<String>, Problem> {
    match data.get(key).map_or("", String::as_str) {
        "" => Ok(Vec::new()),
        text => serde_json::from_str(text).map_err(|_| Problem::NotAList(key)),
    }
}

fn headers(data: &BTreeMap<String, String>, key: &'static str) -> Result<Vec<HeaderName>, Problem> {
    let names = list(data, key)?.into_iter().map(|name| header(key, name));
    names.collect()
}

fn header(key: &'static str, name: String) -> Result<HeaderName, Problem> {
    HeaderName::try_from(&name).map_err(|_| Problem::NotAHeader { key, name })
}

/// An empty prefix would make an extra of every header.
fn prefixes(data: &BTreeMap<String, String>) -> Result<Vec<String>, Problem> {
    let prefixes = list(data, EXTRA_PREFIXES)?.into_iter();
    prefixes.map(|prefix| header(EXTRA_PREFIXES, prefix).map(|prefix| prefix.as_str().to_owned())).collect()
}

#[cfg(test)]
mod tests;
