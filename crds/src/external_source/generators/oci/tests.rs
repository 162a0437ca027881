//! The rules of an `oci` generator.
use super::*;

fn oci() -> OciGenerator {
    OciGenerator { url: "oci://ghcr.io/acme/manifests".into(), ..OciGenerator::default() }
}

fn said(oci: &OciGenerator) -> Vec<String> {
    let mut found = Violations::default();
    oci.judge(&mut found);
    found.into_vec().iter().map(ToString::to_string).collect()
}

/// What is said of a good one that was changed; there must be one thing.
fn said_of(change: impl FnOnce(&mut OciGenerator)) -> String {
    let mut oci = oci();
    change(&mut oci);
    let said = said(&oci);
    assert_eq!(said.len(), 1, "{said:?}");
    said[0].clone()
}

fn reference(change: impl FnOnce(&mut OciReference)) -> Option<OciReference> {
    let mut reference = OciReference::default();
    change(&mut reference);
    Some(reference)
}

#[test]
fn an_address_is_a_registry_and_a_repository() {
    for (url, registry, repository) in [
        ("oci://ghcr.io/acme/manifests", "ghcr.io", "acme/manifests"),
        ("oci://localhost:5000/a", "localhost:5000", "a"),
        ("oci://[::1]:5000/a__b/c-d.e/f---g", "[::1]:5000", "a__b/c-d.e/f---g"),
    ] {
        let oci = OciGenerator { url: url.into(), ..oci() };
        assert_eq!(said(&oci), [""; 0], "{url}");
        assert_eq!((oci.registry(), oci.repository()), (registry, repository));
        assert_eq!(oci.host(), registry);
    }
}

#[test]
fn an_address_that_names_none_is_refused() {
    for (url, problem) in [
        ("https://ghcr.io/acme", "oci://host/name"),
        ("oci://", "must name the host"),
        ("oci:///acme", "must name the host"),
        ("oci://ghcr.io", "must name a repository"),
        ("oci://ghcr.io/", "must name a repository"),
        ("oci://ghcr.io/Acme", "must name a repository"),
        ("oci://ghcr.io/a//b", "must name a repository"),
        ("oci://ghcr.io/a/../b", "must name a repository"),
        ("oci://ghcr.io/a_-b", "must name a repository"),
        ("oci://ghcr.io/a?x", "must name a repository"),
        ("oci://ghcr.io/a%2fb", "must name a repository"),
        ("oci://ghcr.io/a:1", "must not carry a tag"),
        ("oci://ghcr.io/a@sha256:00", "must not carry a digest"),
        ("oci://me:canary@ghcr.io/a", "must not carry user or password"),
        ("me:canary@ghcr.io/a", "must not carry user or password"),
        ("oci://gh cr.io/a", "must name the host"),
        ("oci://ghcr.io\\a/b", "must name the host"),
        ("oci://ghcr.io:99999/a", "must be an http:// or https:// address"),
    ] {
        let said = said_of(|oci| oci.url = url.into());
        assert!(said.starts_with("spec.generator.oci.url: ") && said.contains(problem), "{url}: {said}");
        assert!(!said.contains("canary"), "{said}");
    }
}

#[test]
fn a_digest_wins_over_a_range_and_that_over_a_tag() {
    let digest = format!("sha256:{}", "0a".repeat(32));
    let mut oci = oci();
    assert_eq!(oci.wanted(), OciWanted::Tag("latest"));
    oci.reference = reference(|wanted| wanted.tag = Some("v1".into()));
    assert_eq!(oci.wanted(), OciWanted::Tag("v1"));
    oci.reference.as_mut().expect("set").semver = Some("1.x".into());
    assert_eq!(oci.wanted(), OciWanted::Semver("1.x", None));
    oci.reference.as_mut().expect("set").digest = Some(digest.clone());
    assert_eq!(oci.wanted(), OciWanted::Digest(&digest));
    assert_eq!(said(&oci), [""; 0]);
}

#[test]
fn what_names_no_artifact_is_refused() {
    for (wanted, problem) in [
        (
            reference(|wanted| wanted.digest = Some("sha256:00".into())),
            "digest: Invalid value: \"sha256:00\"",
        ),
        (reference(|wanted| wanted.digest = Some(format!("sha512:{}", "0".repeat(128)))), "must be sha256:"),
        (reference(|wanted| wanted.semver = Some("newest".into())), "semver: Invalid value: \"newest\""),
        (reference(|wanted| wanted.semver = Some("1 ".repeat(200))), "semver: Too long"),
        (
            reference(|wanted| wanted.semver_filter = Some(".*".into())),
            "may only be set together with semver",
        ),
        (reference(|wanted| wanted.tag = Some("-a".into())), "tag: Invalid value"),
        (reference(|wanted| wanted.tag = Some("a/../b".into())), "tag: Invalid value"),
        (reference(|wanted| wanted.tag = Some(String::new())), "tag: Invalid value"),
    ] {
        let said = said_of(|oci| oci.reference = wanted);
        assert!(said.contains(problem), "{said}");
    }
    for (filter, problem) in [("(", "must be a regular expression"), ("(a{900}){900}", "must be a simpler")] {
        let filter = Some(filter.to_owned());
        let wanted = OciReference { semver: Some("*".into()), semver_filter: filter, ..Default::default() };
        let said = said_of(|oci| oci.reference = Some(wanted));
        assert!(said.contains(problem), "{said}");
    }
}

#[test]
fn signatures_without_keys_are_refused_with_what_to_do() {
    let none = said_of(|oci| oci.verify = Some(OciVerification { provider: cosign(), ..Default::default() }));
    assert!(
        none.starts_with("spec.generator.oci.verify.secretRef: Required value: name the Secret"),
        "{none}"
    );
    let keys = Some(SecretReference { name: "keys".into() });
    let identity = vec![OidcIdentityMatch::default()];
    let keyless =
        OciVerification { provider: cosign(), secret_ref: keys.clone(), match_oidc_identity: identity };
    let said = said_of(|oci| oci.verify = Some(keyless));
    assert!(said.contains("matchOIDCIdentity: Forbidden") && said.contains("cosign sign --key"), "{said}");
    let notation = OciVerification { provider: "notation".into(), secret_ref: keys, ..Default::default() };
    let said = said_of(|oci| oci.verify = Some(notation));
    assert!(said.contains("supported values: \"cosign\""), "{said}");
}

#[test]
fn a_layer_is_named_by_a_media_type() {
    for media_type in ["tar", "application/*", "a/b; c=d", ""] {
        let selector = LayerSelector { media_type: Some(media_type.into()), operation: None };
        let said = said_of(|oci| oci.layer_selector = Some(selector));
        assert!(said.contains("must be a media type"), "{said}");
    }
    assert_eq!(oci().unpack(), Unpack::Always);
    let copy = LayerSelector { operation: Some(LayerOperation::Copy), ..Default::default() };
    assert_eq!(OciGenerator { layer_selector: Some(copy), ..oci() }.unpack(), Unpack::Never);
}

#[test]
fn what_travels_unencrypted_is_warned_of() {
    let insecure = OciGenerator { insecure: Some(true), ..oci() };
    assert!(insecure.warnings()[0].contains("can change the data"));
    let secret = Some(SecretReference { name: "pull".into() });
    let known = OciGenerator { secret_ref: secret, ..insecure };
    assert!(known.warnings()[0].contains("credentials of secretRef travel unencrypted"));
    assert_eq!(known.secrets(), ["pull"]);
    assert_eq!(oci().warnings(), [""; 0]);
}
