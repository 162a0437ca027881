//! What must hold whatever a registry answers: how it asks who is there, what it says an artifact is made of, and what it shows as
//! signatures.
use super::{
    challenge::{self, Challenge},
    manifest::{self, Descriptor, Manifest},
    signature::{
        Judgement, Signers,
        samples::{ARTIFACT, BUNDLE, PAYLOAD, cosigns, signers},
    },
    tags::following,
};
use crate::Digest;
use http::{HeaderMap, HeaderValue, header};
use std::collections::BTreeSet;
use url::Url;

const REPOSITORY: &str = "acme/app";
const PULL: &str = "repository:acme/app:pull";
const PAGE: &str = "https://a/v2/acme/app/tags/list?n=1000";

/// Each line is a header, once as `WWW-Authenticate` and once as `Link`: credentials go over https alone, to an address without any
/// in it, and buy no more than a pull from this repository; a listing goes on nowhere else.
pub fn challenges(input: &[u8]) {
    let lines = input.split(|byte| *byte == b'\n').filter_map(|line| HeaderValue::from_bytes(line).ok());
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(header::WWW_AUTHENTICATE, line.clone());
        headers.append(header::LINK, line);
    }
    for allows_http in [false, true] {
        if let Ok(Challenge::Bearer(url)) = challenge::read(&headers, REPOSITORY, allows_http) {
            assert!(url.scheme() == "https" || allows_http && url.scheme() == "http", "{url}");
            assert!(url.username().is_empty() && url.password().is_none() && url.has_host(), "{url}");
            let scopes: Vec<_> = url.query_pairs().filter(|(name, _)| name == "scope").collect();
            assert!(matches!(scopes.as_slice(), [(_, one)] if one == PULL), "{url}");
        }
    }
    let page = Url::parse(PAGE).expect("an address");
    if let Some(next) = following(&headers, &page) {
        assert_eq!((next.origin(), next.path()), (page.origin(), page.path()), "{next}");
    }
}

/// The first line is a media type, the rest a manifest: whatever it is called, it is never an artifact for one and an index for
/// another, and what is chosen of it stands in it, under a SHA-256.
pub fn manifests(input: &[u8]) {
    let mut halves = input.splitn(2, |byte| *byte == b'\n');
    let (called, document) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
    let wanted = str::from_utf8(called).ok();
    let names = manifest::ACCEPTED.split(", ").map(Some).chain([None, wanted]);
    let mut kinds = BTreeSet::new();
    for name in names {
        match manifest::read(document, name) {
            Ok(Manifest::Artifact(layers)) => {
                kinds.insert("artifact");
                layers.iter().for_each(named);
                let first = manifest::choose(&layers, None);
                assert_eq!(first.ok(), layers.first());
                let chosen = wanted.and_then(|wanted| manifest::choose(&layers, Some(wanted)).ok());
                assert!(chosen.is_none_or(|layer| Some(layer.media_type.as_str()) == wanted));
            }
            Ok(Manifest::Index(manifests)) => {
                kinds.insert("index");
                manifests.iter().for_each(named);
                if let Ok(only) = manifest::only(&manifests) {
                    assert!(manifests.iter().any(|one| one.digest() == Ok(only)), "{only}");
                }
            }
            Err(told) => assert!(!told.contains(char::is_control), "{told:?}"),
        }
    }
    assert!(kinds.len() < 2, "it is an artifact and an index");
}

/// A digest is read as it is written, or not at all.
fn named(descriptor: &Descriptor) {
    if let Ok(digest) = descriptor.digest() {
        assert_eq!(digest.to_string().parse(), Ok(digest));
    }
}

/// A bundle, or a signature in one line before what it is about, or a key: what cosign did not sign is good by no key, and what it did is
/// good for that artifact alone.
pub fn signatures(input: &[u8]) {
    let (artifact, another) = (ARTIFACT.parse().expect("a digest"), Digest::of(b"another"));
    let cosigns = cosigns();
    let mut halves = input.splitn(2, |byte| *byte == b'\n');
    let (signature, payload) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
    let judged = |signers: &Signers, digest: &Digest| {
        let signature = str::from_utf8(signature).unwrap_or_default();
        [signers.judge_bundle(input, digest), signers.judge_simple(payload, signature, digest)]
    };
    let [bundle, simple] = judged(&cosigns, &artifact);
    assert!(bundle == Judgement::ByNobody || payload_of(input) == payload_of(BUNDLE.as_bytes()));
    assert!(simple == Judgement::ByNobody || payload == PAYLOAD.as_bytes());
    assert!(judged(&cosigns, &another).iter().all(|judgement| !matches!(judgement, Judgement::Good(_))));
    if let Some(Ok(signers)) = str::from_utf8(input).ok().map(|pem| signers(&[("a.pub", pem)])) {
        // A key alone has signed nothing.
        assert_eq!(judged(&signers, &artifact), [Judgement::ByNobody, Judgement::ByNobody]);
    }
}

/// What is signed in a bundle, as anybody else would read it.
fn payload_of(bundle: &[u8]) -> Option<String> {
    let bundle: serde_json::Value = serde_json::from_slice(bundle).ok()?;
    Some(bundle["dsseEnvelope"]["payload"].as_str()?.to_owned())
}
