//! Whether a signature of cosign vouches for an artifact: the payload of simple signing, and the bundle of sigstore with an in-toto
//! statement. Pure.
//!
//! What counts is a good signature by one of the keys of the Secret over something that names the digest of the artifact. The name
//! in it is not looked at, as cosign itself does not: a copy in another registry is the same artifact. Nor are transparency logs:
//! whoever has the key is believed whenever he signed.
use crate::{Digest, Error, fetch::SignedBy, plan::ReferencedSecret};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, VerificationAlgorithm,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use rustls_pki_types::{SubjectPublicKeyInfoDer, pem::PemObject};
use secrecy::ExposeSecret;
use serde::Deserialize;
use std::collections::BTreeMap;

const PROVIDER: &str = "cosign";
/// By which Flux tells keys from the rest of a Secret.
const ENDING: &str = ".pub";
/// More than any key in PEM has.
const LARGEST_KEY: usize = 16 << 10;
/// Each is tried on each signature.
const MOST_KEYS: usize = 32;

/// What a bundle says of an artifact that was signed, and not only described.
const SIGNED: &str = "https://sigstore.dev/cosign/sign/v1";
const STATEMENT: &str = "application/vnd.in-toto+json";

/// Who may have signed.
pub(super) struct Signers {
    /// The name of the Secret.
    pub(super) secret: String,
    keys: Vec<(String, ParsedPublicKey, Digest)>,
}

/// What a signature is worth.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// One of the keys vouches for the artifact.
    Good(SignedBy),
    /// It is by none of the keys, or cannot be read.
    ByNobody,
    /// It is by the key of this name, and about something else.
    ForAnother(String),
}

impl Signers {
    /// # Errors
    /// No key ends in `.pub`, or one of them holds no public key.
    pub(super) fn from_secret(secret: &ReferencedSecret) -> Result<Self, Error> {
        let refused = |key: &str, problem| Error::InvalidPublicKey {
            secret: secret.name.clone(),
            key: key.to_owned(),
            problem,
        };
        let named = secret.data.iter().filter(|(name, _)| name.ends_with(ENDING));
        let read = |(name, value): (&String, &secrecy::SecretSlice<u8>)| {
            let (key, digest) =
                public_key(value.expose_secret()).map_err(|problem| refused(name, problem))?;
            Ok((name.clone(), key, digest))
        };
        let keys = named.map(read).collect::<Result<Vec<_>, Error>>()?;
        match keys.len() {
            0 => Err(refused("*.pub", "there is none, and each key must lie under a name that ends so")),
            1..=MOST_KEYS => Ok(Self { secret: secret.name.clone(), keys }),
            _ => Err(refused("*.pub", "there are more than 32")),
        }
    }

    /// Judges what `cosign sign` attaches by a tag: the payload, and its signature in base64.
    pub(super) fn judge_simple(&self, payload: &[u8], signature: &str, digest: &Digest) -> Judgement {
        let Some(signed_by) = self.signer(payload, signature) else { return Judgement::ByNobody };
        let says = serde_json::from_slice::<Payload>(payload).ok();
        let is_about = says.is_some_and(|Payload { critical: Critical { image, kind } }| {
            kind == SIMPLE_TYPE && image.digest.parse() == Ok(*digest)
        });
        if is_about { Judgement::Good(signed_by) } else { Judgement::ForAnother(signed_by.key) }
    }

    /// Judges what `cosign sign` attaches by a referrer.
    pub(super) fn judge_bundle(&self, bundle: &[u8], digest: &Digest) -> Judgement {
        let Ok(Bundle { dsse_envelope: envelope }) = serde_json::from_slice(bundle) else {
            return Judgement::ByNobody;
        };
        let Ok(payload) = STANDARD.decode(&envelope.payload) else { return Judgement::ByNobody };
        let message = pre_authentication(&envelope.payload_type, &payload);
        let mut signatures = envelope.signatures.iter();
        let Some(signed_by) = signatures.find_map(|one| self.signer(&message, &one.sig)) else {
            return Judgement::ByNobody;
        };
        let is_about = envelope.payload_type == STATEMENT
            && serde_json::from_slice::<Statement>(&payload).is_ok_and(|statement| statement.signs(digest));
        if is_about { Judgement::Good(signed_by) } else { Judgement::ForAnother(signed_by.key) }
    }

    /// Whose signature it is.
    fn signer(&self, message: &[u8], signature: &str) -> Option<SignedBy> {
        let signature = STANDARD.decode(signature.trim()).ok()?;
        let mut keys = self.keys.iter();
        let (name, _, digest) = keys.find(|(_, key, _)| key.verify_sig(message, &signature).is_ok())?;
        Some(SignedBy { provider: PROVIDER, key: name.clone(), public_key: *digest })
    }
}

fn public_key(pem: &[u8]) -> Result<(ParsedPublicKey, Digest), &'static str> {
    if pem.len() > LARGEST_KEY {
        return Err("it is larger than 16 KiB");
    }
    let key = SubjectPublicKeyInfoDer::from_pem_slice(pem).map_err(|_| "it holds no public key in PEM")?;
    let known: [&'static dyn VerificationAlgorithm; 3] =
        [&ECDSA_P256_SHA256_ASN1, &RSA_PKCS1_2048_8192_SHA256, &ED25519];
    let parsed = known.into_iter().find_map(|kind| ParsedPublicKey::new(kind, &*key).ok());
    let parsed = parsed.ok_or("it is neither ECDSA P-256, nor RSA of 2,048 bits or more, nor Ed25519")?;
    Ok((parsed, Digest::of(&key)))
}

const SIMPLE_TYPE: &str = "cosign container image signature";

/// Simple signing, as far as it counts.
#[derive(Deserialize)]
struct Payload {
    critical: Critical,
}

#[derive(Deserialize)]
struct Critical {
    image: Image,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Image {
    #[serde(rename = "docker-manifest-digest")]
    digest: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bundle {
    dsse_envelope: Envelope,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<Signature>,
}

#[derive(Deserialize)]
struct Signature {
    sig: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statement {
    #[serde(default)]
    subject: Vec<Subject>,
    #[serde(default)]
    predicate_type: String,
}

#[derive(Deserialize)]
struct Subject {
    #[serde(default)]
    digest: BTreeMap<String, String>,
}

impl Statement {
    fn signs(&self, digest: &Digest) -> bool {
        let hex = digest.hex();
        let names = |subject: &Subject| subject.digest.get("sha256").is_some_and(|found| *found == hex);
        self.predicate_type == SIGNED && self.subject.iter().any(names)
    }
}

/// What is signed of an envelope: <https://github.com/secure-systems-lab/dsse/blob/master/protocol.md>.
fn pre_authentication(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

#[cfg(any(test, fuzzing))]
pub(super) mod samples;
#[cfg(test)]
mod tests;
