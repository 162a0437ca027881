//! What makes the settings of an `oci` generator wrong.
use super::{OciGenerator, OciReference, OciVerification, SCHEME, cosign};
use crate::{
    external_source::rules::{address, secret_name},
    names,
    rules::Violations,
    versions,
};

/// As the distribution specification has it.
const LONGEST_NAME: usize = 255;
const LONGEST_TAG: usize = 128;

pub(super) fn judge(oci: &OciGenerator, found: &mut Violations) {
    url(found, oci);
    if let Some(wanted) = &oci.reference {
        reference(found, wanted);
    }
    if let Some(media_type) = oci.layer_type().filter(|media_type| !is_media_type(media_type)) {
        let detail = "must be a media type such as application/vnd.cncf.flux.content.v1.tar+gzip";
        found.invalid("spec.generator.oci.layerSelector.mediaType", media_type, detail);
    }
    let secrets = [
        ("secretRef", &oci.secret_ref),
        ("certSecretRef", &oci.cert_secret_ref),
        ("proxySecretRef", &oci.proxy_secret_ref),
    ];
    for (field, reference) in secrets {
        if let Some(reference) = reference {
            secret_name(found, &format!("spec.generator.oci.{field}.name"), &reference.name);
        }
    }
    if let Some(verification) = &oci.verify {
        verify(found, verification);
    }
}

fn url(found: &mut Violations, oci: &OciGenerator) {
    const FIELD: &str = "spec.generator.oci.url";
    const CREDENTIALS: &str = "must not carry user or password; put them into secretRef";
    let (text, registry) = (&*oci.url, oci.registry());
    if text.contains('@') {
        let of_digest = "must not carry a digest; put it into ref.digest";
        let in_registry = registry.contains('@') || !text.starts_with(SCHEME);
        return found.forbidden(FIELD, if in_registry { CREDENTIALS } else { of_digest });
    }
    let Some(rest) = text.strip_prefix(SCHEME) else {
        return found.invalid(FIELD, text, "must be the address of a repository: oci://host/name");
    };
    let has_name = |c: char| c.is_ascii_alphanumeric() || "-.:[]".contains(c);
    if registry.is_empty() || !registry.chars().all(has_name) {
        return found.invalid(
            FIELD,
            text,
            "must name the host of a registry, as in oci://ghcr.io/acme/manifests",
        );
    }
    // The rest of what makes an address is the same for every generator.
    address::address(found, FIELD, &format!("https://{rest}"), CREDENTIALS);
    let name = oci.repository();
    if name.len() > LONGEST_NAME {
        return found.too_long(FIELD, name.len(), LONGEST_NAME);
    }
    if name.contains(':') {
        found.invalid(FIELD, text, "must not carry a tag; put it into ref.tag");
    } else if !name.split('/').all(is_component) {
        let detail =
            "must name a repository: steps of lower-case letters and digits, with ., _, __ or - between them";
        found.invalid(FIELD, text, detail);
    }
}

/// A step of a repository's name: `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`.
fn is_component(step: &str) -> bool {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let separators = step.split(is_word).filter(|between| !between.is_empty());
    step.starts_with(is_word)
        && step.ends_with(is_word)
        && separators
            .into_iter()
            .all(|between| matches!(between, "." | "_" | "__") || between.bytes().all(|byte| byte == b'-'))
}

fn is_media_type(text: &str) -> bool {
    text.len() <= LONGEST_NAME && names::is_media_range(text) && !text.contains('*')
}

fn reference(found: &mut Violations, wanted: &OciReference) {
    const FIELD: &str = "spec.generator.oci.ref";
    if let Some(digest) = wanted.digest.as_deref().filter(|digest| !is_digest(digest)) {
        let detail = "must be sha256: and 64 hexadecimal digits in lower case";
        found.invalid(&format!("{FIELD}.digest"), digest, detail);
    }
    if let Some(range) = &wanted.semver {
        versions::judge(found, &format!("{FIELD}.semver"), range);
    }
    if let Some(text) = &wanted.semver_filter {
        let field = format!("{FIELD}.semverFilter");
        if wanted.semver.is_none() {
            found.forbidden(&field, "may only be set together with semver");
        }
        versions::judge_filter(found, &field, text);
    }
    if let Some(tag) = wanted.tag.as_deref().filter(|tag| !is_tag(tag)) {
        let detail =
            "must be a tag: letters, digits, _, . and -, at most 128, beginning with none of the last two";
        found.invalid(&format!("{FIELD}.tag"), tag, detail);
    }
}

fn is_digest(text: &str) -> bool {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.strip_prefix("sha256:").is_some_and(|digits| digits.len() == 64 && digits.bytes().all(is_hex))
}

fn is_tag(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.len() <= LONGEST_TAG
        && text.starts_with(is_word)
        && text.chars().all(|c| is_word(c) || matches!(c, '.' | '-'))
}

fn verify(found: &mut Violations, verification: &OciVerification) {
    const FIELD: &str = "spec.generator.oci.verify";
    if verification.provider != cosign() {
        found.not_supported(&format!("{FIELD}.provider"), &verification.provider, &["cosign"]);
    }
    if !verification.match_oidc_identity.is_empty() {
        let detail = "signatures without keys are not verified here; sign with a key (cosign sign --key), and name its public \
                      key in secretRef";
        found.forbidden(&format!("{FIELD}.matchOIDCIdentity"), detail);
    }
    match &verification.secret_ref {
        Some(reference) => secret_name(found, &format!("{FIELD}.secretRef.name"), &reference.name),
        None => {
            let detail = "name the Secret with the public keys (*.pub) of those who may sign; signatures without keys are not \
                          verified here";
            found.required(&format!("{FIELD}.secretRef"), detail);
        }
    }
}
