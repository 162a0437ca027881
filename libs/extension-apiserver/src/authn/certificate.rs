//! What a presented certificate chain proves.
use super::{refusal::Refusal, trust::Trust};
use crate::{
    access::UserInfo,
    hex::hex,
    serve::{Chain, Fingerprint},
};
use aws_lc_rs::digest::{SHA256, digest};
use moka::future::Cache;
use rustls_pki_types::{CertificateDer, UnixTime};
use std::{sync::Arc, time::Duration};
use x509_parser::{
    oid_registry::Oid,
    parse_x509_certificate,
    x509::{AttributeTypeAndValue, X509Name},
};

/// Longer chains cost more to check than any real authority needs.
const LONGEST_CHAIN: usize = 10;

/// How long a judgement holds: a certificate may expire while its connection stays open.
const VERDICT_LIFETIME: Duration = Duration::from_secs(10);

/// Key of the extra that names the credential, and how its value starts.
const CREDENTIAL_ID: &str = "authentication.kubernetes.io/credential-id";

/// What one chain proves under one [`Trust`].
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    /// It is the front proxy's; the headers say whom it speaks for. `None` without any front proxy to compare with.
    pub(crate) front_proxy: Option<Result<(), Refusal>>,
    /// It is this user's. `None` without any authority to ask, or without a name.
    pub(crate) client: Option<Result<UserInfo, Refusal>>,
    /// How much longer the leaf is valid.
    pub(crate) lifetime: Duration,
}

/// Judges chains, and remembers for a moment what it found.
#[derive(Debug)]
pub(crate) struct Judge {
    verdicts: Cache<(u64, Fingerprint), Arc<Verdict>>,
}

impl Judge {
    pub(crate) fn new() -> Self {
        Self { verdicts: Cache::builder().max_capacity(1_024).time_to_live(VERDICT_LIFETIME).build() }
    }

    pub(crate) async fn judge(&self, trust: &Trust, chain: &Chain) -> Arc<Verdict> {
        let key = (trust.generation, *chain.fingerprint());
        self.verdicts.get_with(key, async { Arc::new(judge(trust, chain, UnixTime::now())) }).await
    }
}

fn judge(trust: &Trust, chain: &[CertificateDer<'_>], now: UnixTime) -> Verdict {
    let Some(leaf) = chain.first() else {
        return Verdict { front_proxy: None, client: None, lifetime: Duration::ZERO };
    };
    let lifetime = lifetime(leaf, now);
    if chain.len() > LONGEST_CHAIN {
        let refusal = Err(Refusal::LongChain(chain.len()));
        return Verdict { front_proxy: Some(refusal), client: None, lifetime };
    }
    let front_proxy = trust.front_proxy.as_ref().map(|proxy| {
        let verified = proxy.authorities.verify(chain, now);
        verified.map_err(|source| Refusal::UnknownFrontProxy { source })?;
        is_allowed(&proxy.allowed_names, Subject::read(leaf)?.name)
    });
    let client = trust.clients.as_ref().and_then(|authorities| {
        if let Err(source) = authorities.verify(chain, now) {
            return Some(Err(Refusal::UnknownClient { source }));
        }
        Subject::read(leaf).map(|subject| subject.into_user(leaf)).transpose()
    });
    Verdict { front_proxy, client, lifetime }
}

fn lifetime(leaf: &CertificateDer<'_>, now: UnixTime) -> Duration {
    let end = parse_x509_certificate(leaf).map(|(_, leaf)| leaf.validity().not_after.timestamp());
    let end = u64::try_from(end.unwrap_or_default()).unwrap_or_default();
    Duration::from_secs(end.saturating_sub(now.as_secs()))
}

fn is_allowed(allowed: &[String], name: String) -> Result<(), Refusal> {
    if allowed.is_empty() || allowed.contains(&name) {
        return Ok(());
    }
    Err(Refusal::WrongName { common_name: name })
}

/// The parts of a subject that Kubernetes gives a meaning.
struct Subject {
    /// Empty without one; the last of several, as in Go.
    name: String,
    groups: Vec<String>,
    uid: Option<String>,
}

impl Subject {
    fn read(leaf: &CertificateDer<'_>) -> Result<Self, Refusal> {
        let (_, parsed) =
            parse_x509_certificate(leaf).map_err(|_| Refusal::UnreadableSubject("not a certificate"))?;
        let subject = parsed.subject();
        let name = subject.iter_common_name().map(text).last().transpose()?.unwrap_or_default();
        let groups = subject.iter_organization().map(text).collect::<Result<_, _>>()?;
        Ok(Self { name, groups, uid: uid(subject)? })
    }

    fn into_user(self, leaf: &CertificateDer<'_>) -> Option<UserInfo> {
        if self.name.is_empty() {
            return None;
        }
        let id = format!("X509SHA256={}", hex(digest(&SHA256, leaf).as_ref()));
        let extra = [(CREDENTIAL_ID.to_owned(), vec![id])].into();
        Some(UserInfo { name: self.name, uid: self.uid, groups: self.groups, extra })
    }
}

/// Kubernetes' own attribute for the UID of a user.
fn uid(subject: &X509Name<'_>) -> Result<Option<String>, Refusal> {
    let oid = Oid::from(&[1, 3, 6, 1, 4, 1, 57683, 2]).expect("an OID of small numbers");
    let uids: Vec<String> = subject.iter_by_oid(&oid).map(text).collect::<Result<_, _>>()?;
    match uids.as_slice() {
        [] => Ok(None),
        [uid] if !uid.is_empty() => Ok(Some(uid.clone())),
        _ => Err(Refusal::UnreadableSubject("more than one UID, or an empty one")),
    }
}

fn text(attribute: &AttributeTypeAndValue<'_>) -> Result<String, Refusal> {
    let text = attribute.as_str().map_err(|_| Refusal::UnreadableSubject("not UTF-8"))?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests;
