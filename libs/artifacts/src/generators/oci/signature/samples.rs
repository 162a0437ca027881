//! What cosign 3.0.6 made, for tests and fuzzing.
use super::Signers;
use crate::{Error, plan::ReferencedSecret};
use secrecy::SecretSlice;

/// By `cosign generate-key-pair`.
pub(crate) const KEY: &str = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAECVj4UIiAaycgya8axuqtuuCKOREH\n\
    FZPL3pvCRuEdg1fMdLbrLx5UDf/6xR9WPrqM9rE/ENTAdKYjtDpqL9SNdQ==\n-----END PUBLIC KEY-----\n";
/// What was signed by it.
pub(crate) const ARTIFACT: &str = "sha256:c589e9e5f17672108b0349bad4d2320aec1df37a81bf968d320e407e81056ffa";
/// By `cosign sign --new-bundle-format=false`.
pub(crate) const PAYLOAD: &str = r#"{"critical":{"identity":{"docker-reference":"127.0.0.1:19555/acme/app"},"image":{"docker-manifest-digest":"sha256:c589e9e5f17672108b0349bad4d2320aec1df37a81bf968d320e407e81056ffa"},"type":"cosign container image signature"},"optional":null}"#;
pub(crate) const SIGNATURE: &str =
    "MEYCIQDoS9llxKihqVoDcHEKR1buurycTpoqkQwlfccpb8cd+gIhAI+EJYtOW8gC9igYHgBL5mEk1ar7qsWzS6Cd79045RT8";
/// By `cosign sign`.
pub(crate) const BUNDLE: &str = r#"{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{"hint":"yt16rm7CpDWiQlwjjDP7p/S6AElFE5pFHdK8iZywZOU="}},"dsseEnvelope":{"payload":"eyJfdHlwZSI6Imh0dHBzOi8vaW4tdG90by5pby9TdGF0ZW1lbnQvdjEiLCJzdWJqZWN0IjpbeyJkaWdlc3QiOnsic2hhMjU2IjoiYzU4OWU5ZTVmMTc2NzIxMDhiMDM0OWJhZDRkMjMyMGFlYzFkZjM3YTgxYmY5NjhkMzIwZTQwN2U4MTA1NmZmYSJ9LCJhbm5vdGF0aW9ucyI6e319XSwicHJlZGljYXRlVHlwZSI6Imh0dHBzOi8vc2lnc3RvcmUuZGV2L2Nvc2lnbi9zaWduL3YxIiwicHJlZGljYXRlIjp7fX0=","payloadType":"application/vnd.in-toto+json","signatures":[{"sig":"MEYCIQCfacRxiZVYCscCyqNWgJza4mudjHHBdwQmy5/Qa87EAAIhAOhyg2c/iwkbN1hDvjMNK7GdWKv0fAtRX4FAvXZFodbl"}]}}"#;

pub(crate) fn signers(data: &[(&str, &str)]) -> Result<Signers, Error> {
    let entry =
        |(key, value): &(&str, &str)| ((*key).to_owned(), SecretSlice::from(value.as_bytes().to_vec()));
    let data = data.iter().map(entry).collect();
    Signers::from_secret(&ReferencedSecret { name: "keys".into(), version: "1".into(), data })
}

pub(crate) fn cosigns() -> Signers {
    signers(&[("cosign.pub", KEY), ("README", "not a key")]).expect("good")
}
