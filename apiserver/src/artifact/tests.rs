//! What the derived objects promise.
use super::*;
use crds::external_source::{self, ExternalSourceStatus};

const NEW: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const OLD: &str = "aaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

fn stored(hex: &str) -> StoredRevision {
    StoredRevision {
        revision: format!("latest@sha256:{hex}"),
        digest: format!("sha256:{hex}"),
        size: Some(10),
        last_update_time: None,
    }
}

fn source() -> ExternalSource {
    let mut source = ExternalSource::new("podinfo", crds::ExternalSourceSpec::default());
    source.metadata.namespace = Some("default".into());
    source.metadata.uid = Some("8c0b8d43-0c4a-4d54-9a57-0d5f6f6d2f0e".into());
    source.metadata.labels = Some(BTreeMap::from([("team".to_owned(), "a".to_owned())]));
    source.status = Some(ExternalSourceStatus {
        artifact: Some(external_source::Artifact {
            url: format!("http://postern:8080/externalsource/default/podinfo/{NEW}.tar.gz"),
            revision: format!("latest@sha256:{NEW}"),
            digest: format!("sha256:{NEW}"),
            ..external_source::Artifact::default()
        }),
        history: vec![stored(NEW), stored(OLD)],
        ..ExternalSourceStatus::default()
    });
    source
}

#[test]
fn every_stored_revision_is_an_object_and_one_is_current() {
    let artifacts = of(&source());
    let shown: Vec<_> = artifacts.iter().map(|a| (a.metadata.name.as_deref(), a.spec.current)).collect();
    assert_eq!(shown, [(Some("podinfo-aaaaaaaaaaaa"), true), (Some("podinfo-aaaaaaaaaaaa"), false)]);
    assert!(artifacts[1].spec.url.ends_with(&format!("/{OLD}.tar.gz")), "{}", artifacts[1].spec.url);
}

#[test]
fn labels_are_the_sources_and_ours() {
    let labels = of(&source())[0].metadata.labels.clone().expect("labels");
    assert_eq!(labels["team"], "a");
    assert_eq!(labels[SOURCE_LABEL], "podinfo");
    assert!(labels[DIGEST_LABEL].starts_with("sha256_aaa"));
}

#[test]
fn the_uid_depends_on_source_and_digest_alone() {
    let (one, again) = (of(&source()), of(&source()));
    assert_eq!(one[0].metadata.uid, again[0].metadata.uid);
    assert_ne!(one[0].metadata.uid, one[1].metadata.uid);
    let mut remade = source();
    remade.metadata.uid = Some("00000000-0000-4000-8000-000000000000".into());
    assert_ne!(one[0].metadata.uid, of(&remade)[0].metadata.uid);
}

#[test]
fn long_names_are_cut_and_stay_apart() {
    let (a, b) = ("a".repeat(249) + "x", "a".repeat(249) + "y");
    let (a, b) = (name_of(&a, NEW), name_of(&b, NEW));
    assert_ne!(a, b);
    assert!(a.len() <= 253 && names::is_dns_subdomain(&a), "{a}");
}

#[test]
fn a_revision_is_found_by_every_spelling() {
    let (short, digest) = (&OLD[..13], format!("sha256:{OLD}"));
    let shown = [format!("latest@{digest}"), format!("latest@sha256:{short}"), format!("sha256:{short}")];
    for wanted in shown.into_iter().chain([digest, short.to_owned(), OLD.to_uppercase()]) {
        assert_eq!(find(&source(), Some(&wanted)).expect(&wanted).spec.digest, format!("sha256:{OLD}"));
    }
    assert!(find(&source(), None).expect("the current one").spec.current);
}

#[test]
fn what_cannot_be_found_says_why() {
    assert_eq!(find(&source(), Some(&NEW[..12])), Err(Missing::Ambiguous));
    for malformed in
        ["abc", "sha256:abc", "latest", "zzzzzzzzzzzzz", "../../etc/passwd", "latest@sha256:aaaaaaaaaaa"]
    {
        assert_eq!(find(&source(), Some(malformed)), Err(Missing::Malformed), "{malformed}");
    }
    let kept = vec!["aaaaaaaaaaaa".to_owned(); 2];
    let digits = "c".repeat(64);
    assert_eq!(find(&source(), Some(&digits)), Err(Missing::Unknown { digits: digits.clone(), kept }));
    let mut empty = source();
    empty.status = None;
    assert_eq!(find(&empty, None), Err(Missing::NothingStored));
}

#[test]
fn sizes_are_for_people() {
    let shown = [0, 1023, 1024, 10 * 1024 * 1024, 5 << 30].map(size);
    assert_eq!(shown, ["0 B", "1023 B", "1.0 KiB", "10.0 MiB", "5.0 GiB"]);
}
