//! The two Secrets: how pairs lie in them, and what both together say. Pure.
use crate::{
    certificate::ServingCertificate,
    error::Error,
    issue,
    pair::{self, Pair, Trusted, Unusable},
    plan::{self, Because, Found, Lifetimes, Seen, SeenLeaf, Signer, Step},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use k8s_openapi::{ByteString, api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use rustls_pki_types::CertificateDer;
use secrecy::ExposeSecret as _;
use std::collections::{BTreeMap, BTreeSet};

/// The Secret with the CA: its certificate, its key, and in `ca.crt` all that clients should trust.
pub const AUTHORITY_SECRET: &str = "postern-ca";
/// The Secret with the serving certificate, its key, and in `ca.crt` the bundle of when it was issued.
pub const SERVING_SECRET: &str = "postern-serving";

const CHAIN: &str = "tls.crt";
const KEY: &str = "tls.key";
const BUNDLE: &str = "ca.crt";

/// Both Secrets, read.
pub(crate) struct Stored {
    pub(crate) authority: Slot,
    pub(crate) serving: Slot,
    /// The pair that this process serves with.
    served: Option<Pair>,
    /// CAs before the current one.
    formers: Vec<Trusted>,
}

/// One Secret: as it is, and what it holds.
pub(crate) struct Slot {
    pub(crate) name: &'static str,
    secret: Option<Secret>,
    pair: Found<Pair>,
    /// Why the pair cannot be used.
    pub(crate) unusable: Option<Unusable>,
}

/// What both Secrets together ask for.
pub(crate) enum Action {
    /// Nothing but to serve this, until then.
    Serve(ServingCertificate, Timestamp),
    /// To write this Secret, and to look again.
    Write(&'static str, Box<Secret>, Because),
}

impl Stored {
    /// Reads what lies in the Secrets, beside what is served now.
    pub(crate) fn read(
        authority: Option<Secret>,
        serving: Option<Secret>,
        served: Option<&ServingCertificate>,
    ) -> Self {
        let authority = Slot::read(AUTHORITY_SECRET, authority, Pair::read_authority);
        let serving = Slot::read(SERVING_SECRET, serving, Pair::read);
        // The serving Secret keeps the bundle too, and so do we: a CA whose Secret is lost stays trusted.
        let remembered = served.map(|served| pair::authorities(&served.ca_pem)).unwrap_or_default();
        let mut formers: Vec<Trusted> = Vec::new();
        for trusted in [&authority, &serving].into_iter().flat_map(Slot::bundle).chain(remembered) {
            let known = formers.iter().any(|former| former.der == trusted.der);
            if !known && !authority.pair.usable().is_ok_and(|current| current.leaf == trusted.der) {
                formers.push(trusted);
            }
        }
        let pair =
            |served: &ServingCertificate| Pair::read(&served.chain_pem, served.key_pem.expose_secret()).ok();
        Self { authority, serving, served: served.and_then(pair), formers }
    }

    /// The next step towards a leaf that is valid for every name in `wanted`.
    pub(crate) fn next(
        &self,
        wanted: &BTreeSet<String>,
        lifetimes: &Lifetimes,
        now: Timestamp,
    ) -> Result<Action, Error> {
        let authority =
            || self.authority.pair.usable().expect("without a usable CA the plan renews it first");
        match plan::next(&self.seen(), wanted, lifetimes, now) {
            Step::RenewAuthority(because) => {
                let pair = issue::authority(lifetimes, now)?;
                let secret = self.authority.with(&pair, self.bundle(&pair, lifetimes, now), because);
                Ok(Action::Write(AUTHORITY_SECRET, Box::new(secret), because))
            }
            Step::IssueLeaf(because, names) => {
                let pair = issue::leaf(authority(), &names, lifetimes, now)?;
                let secret = self.serving.with(&pair, self.bundle(authority(), lifetimes, now), because);
                Ok(Action::Write(SERVING_SECRET, Box::new(secret), because))
            }
            Step::RestoreLeaf(because) => {
                let leaf = self.served.as_ref().expect("the plan restores only what is served");
                let secret = self.serving.with(leaf, self.bundle(authority(), lifetimes, now), because);
                Ok(Action::Write(SERVING_SECRET, Box::new(secret), because))
            }
            Step::Serve { until } => {
                if let Some((slot, pair)) = self.without_bundle() {
                    let bundle = self.bundle(authority(), lifetimes, now);
                    let secret = slot.with(pair, bundle, Because::Broken);
                    return Ok(Action::Write(slot.name, Box::new(secret), Because::Broken));
                }
                let leaf = self.serving.pair.usable().ok().or(self.served.as_ref());
                let leaf = leaf.expect("without any usable leaf the plan issues one first");
                let bundle = self.bundle(authority(), lifetimes, now);
                Ok(Action::Serve(ServingCertificate::new(leaf, bundle), until))
            }
        }
    }

    /// A Secret whose pair is good, and whose bundle was lost or holds no CA any more.
    fn without_bundle(&self) -> Option<(&Slot, &Pair)> {
        let pairs = [&self.authority, &self.serving].map(|slot| Some((slot, slot.pair.usable().ok()?)));
        pairs.into_iter().flatten().find(|(slot, _)| slot.bundle().is_empty())
    }

    fn seen(&self) -> Seen {
        let leaf = |pair: &Pair| SeenLeaf {
            lives: pair.lives,
            names: pair.names.clone(),
            signer: self.signer_of(pair),
        };
        Seen {
            authority: self.authority.pair.map(|pair| pair.lives),
            leaf: self.serving.pair.map(leaf),
            served: self.served.as_ref().map(leaf),
        }
    }

    /// What clients must trust now that `current` is the CA: itself, and those before it while a leaf of theirs lives.
    fn bundle(&self, current: &Pair, lifetimes: &Lifetimes, now: Timestamp) -> Vec<u8> {
        let replaced = self.authority.pair.usable().ok().filter(|stored| stored.leaf != current.leaf);
        let replaced = replaced.map(|stored| (&stored.leaf, stored.lives));
        let formers = self.formers.iter().map(|former| (&former.der, former.lives));
        let living = replaced
            .into_iter()
            .chain(formers)
            .filter(|(_, lives)| plan::trusted_until(*lives, current.lives, lifetimes) > now);
        [&current.leaf]
            .into_iter()
            .chain(living.map(|(der, _)| der))
            .map(pem)
            .collect::<String>()
            .into_bytes()
    }

    fn signer_of(&self, leaf: &Pair) -> Signer {
        if self.authority.pair.usable().is_ok_and(|current| leaf.is_signed_by(&current.leaf)) {
            Signer::Current
        } else if self.formers.iter().any(|former| leaf.is_signed_by(&former.der)) {
            Signer::Former
        } else {
            Signer::Unknown
        }
    }
}

impl Slot {
    fn read(
        name: &'static str,
        secret: Option<Secret>,
        read: fn(&[u8], &[u8]) -> Result<Pair, Unusable>,
    ) -> Self {
        let Some(secret) = secret else {
            return Self { name, secret: None, pair: Found::Absent, unusable: None };
        };
        let (pair, unusable) = match read(value(&secret, CHAIN), value(&secret, KEY)) {
            Ok(pair) => (Found::Usable(pair), None),
            Err(unusable) => (Found::Broken, Some(unusable)),
        };
        Self { name, secret: Some(secret), pair, unusable }
    }

    fn bundle(&self) -> Vec<Trusted> {
        self.secret.as_ref().map(|secret| pair::authorities(value(secret, BUNDLE))).unwrap_or_default()
    }

    /// The Secret with another pair in it. What people added to it stays; its type stays, since it cannot change.
    fn with(&self, pair: &Pair, bundle: Vec<u8>, because: Because) -> Secret {
        let new = || Secret {
            metadata: ObjectMeta { name: Some(self.name.to_owned()), ..ObjectMeta::default() },
            type_: Some("kubernetes.io/tls".to_owned()),
            ..Secret::default()
        };
        let mut secret = self.secret.clone().unwrap_or_else(new);
        secret.metadata.managed_fields = None;
        secret.metadata.labels.get_or_insert_default().extend(labels());
        secret.metadata.annotations.get_or_insert_default().extend(annotations(pair, because));
        secret.data.get_or_insert_default().extend([
            (CHAIN.to_owned(), ByteString(pair.chain_pem.clone())),
            (KEY.to_owned(), ByteString(pair.key_pem.expose_secret().to_vec())),
            (BUNDLE.to_owned(), ByteString(bundle)),
        ]);
        secret
    }
}

fn labels() -> BTreeMap<String, String> {
    let pairs = [
        ("app.kubernetes.io/name", "postern"),
        ("app.kubernetes.io/component", "certs"),
        ("app.kubernetes.io/managed-by", "postern"),
    ];
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

/// What a person wants to know of a certificate without decoding it.
fn annotations(pair: &Pair, because: Because) -> BTreeMap<String, String> {
    let pairs = [
        ("certs.postern.dev/issued-because", because.to_string()),
        ("certs.postern.dev/not-after", pair.lives.until.to_string()),
        ("certs.postern.dev/renew-at", pair.lives.renew_at().to_string()),
    ];
    pairs.map(|(key, value)| (key.to_owned(), value)).into()
}

fn value<'a>(secret: &'a Secret, key: &str) -> &'a [u8] {
    secret.data.as_ref().and_then(|data| data.get(key)).map_or(&[], |value| &value.0)
}

fn pem(der: &CertificateDer<'static>) -> String {
    let text = BASE64_STANDARD.encode(der);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = tail;
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

#[cfg(test)]
mod tests;
