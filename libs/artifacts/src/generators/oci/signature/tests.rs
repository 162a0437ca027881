//! What cosign 3.0.6 made, and what others could make of it.
use super::{
    samples::{ARTIFACT, BUNDLE, KEY, PAYLOAD, SIGNATURE, cosigns, signers},
    *,
};
use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
        KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
    },
};
use serde_json::{Value, json};

fn artifact() -> Digest {
    ARTIFACT.parse().expect("a digest")
}

fn pem(der: &[u8]) -> String {
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der))
}

fn spki<K>(pair: &K) -> String
where
    K: KeyPair,
    K::PublicKey: AsDer<PublicKeyX509Der<'static>>,
{
    pem(pair.public_key().as_der().expect("it has a public key").as_ref())
}

fn p256() -> EcdsaKeyPair {
    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key")
}

fn signed(pair: &EcdsaKeyPair, message: &[u8]) -> String {
    STANDARD.encode(pair.sign(&SystemRandom::new(), message).expect("a signature"))
}

/// A bundle as cosign's, of a statement that was signed by a key of ours.
fn bundle(pair: &EcdsaKeyPair, payload_type: &str, statement: &Value) -> Vec<u8> {
    let payload = statement.to_string();
    let sig = signed(pair, &pre_authentication(payload_type, payload.as_bytes()));
    let envelope = json!({
        "payload": STANDARD.encode(&payload), "payloadType": payload_type, "signatures": [{ "sig": sig }],
    });
    json!({ "dsseEnvelope": envelope }).to_string().into_bytes()
}

#[test]
fn what_cosign_signed_is_good() {
    let by = |judgement| match judgement {
        Judgement::Good(SignedBy { provider, key, public_key }) => (provider, key, public_key),
        other => panic!("{other:?}"),
    };
    let simple = by(cosigns().judge_simple(PAYLOAD.as_bytes(), SIGNATURE, &artifact()));
    assert_eq!((simple.0, simple.1.as_str()), ("cosign", "cosign.pub"));
    assert_eq!(by(cosigns().judge_bundle(BUNDLE.as_bytes(), &artifact())), simple);
}

#[test]
fn a_signature_is_about_one_artifact_and_no_other() {
    let other = Digest::of(b"another");
    let another = Judgement::ForAnother("cosign.pub".into());
    assert_eq!(cosigns().judge_simple(PAYLOAD.as_bytes(), SIGNATURE, &other), another);
    assert_eq!(cosigns().judge_bundle(BUNDLE.as_bytes(), &other), another);
}

#[test]
fn what_was_changed_after_it_was_signed_is_by_nobody() {
    let hex = Digest::of(b"another").hex();
    let forged = PAYLOAD.replace(&artifact().hex(), &hex);
    let other = Digest::from_hex(&hex).expect("a digest");
    assert_eq!(cosigns().judge_simple(forged.as_bytes(), SIGNATURE, &other), Judgement::ByNobody);
    for signature in ["", "MEYCIQDo", "%", &SIGNATURE.replace('S', "T")] {
        let judged = cosigns().judge_simple(PAYLOAD.as_bytes(), signature, &artifact());
        assert_eq!(judged, Judgement::ByNobody, "{signature}");
    }
    let mut forged: Value = serde_json::from_str(BUNDLE).expect("JSON");
    forged["dsseEnvelope"]["payloadType"] = json!("text/plain");
    for bundle in [forged.to_string().as_str(), "{}", "", r#"{"messageSignature":{}}"#] {
        assert_eq!(cosigns().judge_bundle(bundle.as_bytes(), &artifact()), Judgement::ByNobody, "{bundle}");
    }
}

#[test]
fn another_key_is_nobody() {
    let other = signers(&[("cosign.pub", &spki(&p256()))]).expect("good");
    assert_eq!(other.judge_simple(PAYLOAD.as_bytes(), SIGNATURE, &artifact()), Judgement::ByNobody);
    assert_eq!(other.judge_bundle(BUNDLE.as_bytes(), &artifact()), Judgement::ByNobody);
    let both = signers(&[("a.pub", &spki(&p256())), ("b.pub", KEY)]).expect("good");
    let Judgement::Good(by) = both.judge_simple(PAYLOAD.as_bytes(), SIGNATURE, &artifact()) else { panic!() };
    assert_eq!(by.key, "b.pub");
}

/// Whoever signs a list of parts or a report of flaws does not say that the artifact may be used.
#[test]
fn what_describes_an_artifact_signs_it_not() {
    let pair = p256();
    let signers = signers(&[("k.pub", &spki(&pair))]).expect("good");
    let statement = |predicate: &str| json!({ "subject": [{ "digest": { "sha256": artifact().hex() } }], "predicateType": predicate });
    let judge = |kind, statement: &Value| signers.judge_bundle(&bundle(&pair, kind, statement), &artifact());
    assert!(matches!(judge(STATEMENT, &statement(SIGNED)), Judgement::Good(_)));
    let another = Judgement::ForAnother("k.pub".into());
    assert_eq!(judge(STATEMENT, &statement("https://spdx.dev/Document")), another);
    assert_eq!(judge("application/json", &statement(SIGNED)), another);
    assert_eq!(judge(STATEMENT, &json!({})), another);
    for payload in ["{}", "[]", &PAYLOAD.replace("cosign container image", "some other")] {
        let judged =
            signers.judge_simple(payload.as_bytes(), &signed(&pair, payload.as_bytes()), &artifact());
        assert_eq!(judged, another, "{payload}");
    }
}

#[test]
fn rsa_and_ed25519_verify_too() {
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
    let mut by_rsa = vec![0; rsa.public_modulus_len()];
    rsa.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), PAYLOAD.as_bytes(), &mut by_rsa).expect("a signature");
    let edwards = Ed25519KeyPair::generate().expect("a key");
    let by_edwards = edwards.sign(PAYLOAD.as_bytes());
    for (key, signature) in [(spki(&rsa), by_rsa.as_slice()), (spki(&edwards), by_edwards.as_ref())] {
        let signers = signers(&[("k.pub", &key)]).expect("good");
        let judged = signers.judge_simple(PAYLOAD.as_bytes(), &STANDARD.encode(signature), &artifact());
        assert!(matches!(judged, Judgement::Good(_)), "{key}");
    }
}

#[test]
fn what_is_no_public_key_is_named() {
    let p384 = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).expect("a key");
    let rsa = "canary\n".repeat(3000);
    for (data, said) in [
        (
            vec![("cosign.key", KEY)],
            "key *.pub of Secret keys is no public key that can be used: there is none",
        ),
        (
            vec![("a.pub", "canary")],
            "key a.pub of Secret keys is no public key that can be used: it holds no public",
        ),
        (vec![("a.pub", &spki(&p384))], "it is neither ECDSA P-256"),
        (vec![("a.pub", &pem(b"canary"))], "it is neither ECDSA P-256"),
        (vec![("a.pub", &rsa)], "it is larger than 16 KiB"),
        (vec![("a.pub", KEY), ("b.pub", "canary")], "key b.pub"),
    ] {
        let error = signers(&data).err().expect(said);
        assert!(error.to_string().contains(said), "{error}");
        assert!(!format!("{error:?}").contains("canary"));
        assert_eq!((error.reason(), error.retry()), ("InvalidPublicKey", crate::Retry::OnChange));
    }
}
