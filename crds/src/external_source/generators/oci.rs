//! `spec.generator.oci`: an artifact in an OCI registry, in the words of Flux's OCIRepository.
mod rules;

use super::Settings;
use crate::{
    external_source::{SecretReference, Unpack},
    rules::Violations,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How addresses of registries begin.
const SCHEME: &str = "oci://";
/// What `ref` is when unset.
const DEFAULT_TAG: &str = "latest";

/// An artifact in an OCI registry.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OciGenerator {
    /// The repository, such as `oci://ghcr.io/acme/manifests`, without tag and digest. It may be reached on the same terms as the
    /// `url` of an `http` generator, and so must be where the registry sends for tokens and for layers.
    pub url: String,

    /// Which of its artifacts. Unset means the tag `latest`.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "ref")]
    pub reference: Option<OciReference>,

    /// Which layer of the artifact, and what becomes of it. Unset means the first, whose files make up the artifact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer_selector: Option<LayerSelector>,

    /// A Secret in this namespace that lets in: one of type `kubernetes.io/dockerconfigjson`, of which the entry for this registry
    /// counts, or one with the keys `username` and `password`. A registry that works with tokens names the address where they are
    /// asked for, and that address gets user and password, as with every client: it must speak https unless `insecure` is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretReference>,

    /// A Secret in this namespace with the certificate to show to the registry (`tls.crt` and `tls.key`, PEM), the authorities to
    /// trust beside the system's (`ca.crt`), or both. The certificate is shown to the registry alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cert_secret_ref: Option<SecretReference>,

    /// A Secret in this namespace with the proxy through which every request goes, as in an `http` generator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_secret_ref: Option<SecretReference>,

    /// Speaks http with the registry: anybody on the way can then read credentials and change what is not signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub insecure: Option<bool>,

    /// By whom the artifact must be signed. Nothing is published that is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<OciVerification>,
}

/// Which artifact of a repository; `digest` wins over `semver`, and that over `tag`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OciReference {
    /// The digest of its manifest, `sha256:` and 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// A range of versions, such as `>=1.2.0 <2.0.0`, `^1.4` or `1.x`; the newest tag in it is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub semver: Option<String>,
    /// A regular expression that a tag must match to count for `semver`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub semver_filter: Option<String>,
    /// A tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
}

/// Which layer of an artifact.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LayerSelector {
    /// The media type of the layer, such as `application/vnd.cncf.flux.content.v1.tar+gzip`; the first of that type is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// `extract`, which is the default, takes the files of the layer, a tar or tar.gz; `copy` stores the layer as one file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<LayerOperation>,
}

/// What becomes of a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LayerOperation {
    /// Its files make up the artifact.
    #[default]
    Extract,
    /// It is one file.
    Copy,
}

/// By whom an artifact must be signed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OciVerification {
    /// The tool that signs; `cosign`, which is the default, is the one that is known.
    #[serde(default = "cosign")]
    pub provider: String,
    /// A Secret in this namespace with the public keys of those who may have signed, each in PEM under a key that ends in `.pub`
    /// (ECDSA P-256 as cosign makes them, RSA or Ed25519). One of them must have. Required: signing without keys is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretReference>,
    /// What Flux takes to verify signatures that were made without keys. Refused here.
    #[serde(default, skip_serializing_if = "Vec::is_empty", rename = "matchOIDCIdentity")]
    pub match_oidc_identity: Vec<OidcIdentityMatch>,
}

/// An identity of an OpenID provider. Refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OidcIdentityMatch {
    /// The address of the provider.
    pub issuer: String,
    /// Who signed.
    pub subject: String,
}

fn cosign() -> String {
    "cosign".into()
}

/// What is wanted of a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OciWanted<'r> {
    /// The artifact of that digest.
    Digest(&'r str),
    /// The newest in a range, of the tags that match a regular expression.
    Semver(&'r str, Option<&'r str>),
    /// The artifact that a tag names.
    Tag(&'r str),
}

impl OciGenerator {
    /// The host of the registry, with its port if there is one. Empty if `url` names none.
    pub fn registry(&self) -> &str {
        self.parts().0
    }

    /// The name of the repository in the registry.
    pub fn repository(&self) -> &str {
        self.parts().1
    }

    fn parts(&self) -> (&str, &str) {
        let rest = self.url.strip_prefix(SCHEME).unwrap_or_default();
        rest.split_once('/').unwrap_or((rest, ""))
    }

    /// Which artifact of it.
    pub fn wanted(&self) -> OciWanted<'_> {
        match &self.reference {
            Some(OciReference { digest: Some(digest), .. }) => OciWanted::Digest(digest),
            Some(OciReference { semver: Some(range), semver_filter, .. }) => {
                OciWanted::Semver(range, semver_filter.as_deref())
            }
            Some(OciReference { tag: Some(tag), .. }) => OciWanted::Tag(tag),
            _ => OciWanted::Tag(DEFAULT_TAG),
        }
    }

    /// The media type of the layer, if one is asked for.
    pub fn layer_type(&self) -> Option<&str> {
        self.layer_selector.as_ref()?.media_type.as_deref()
    }

    /// Whether the files of the layer make up the artifact.
    pub fn unpack(&self) -> Unpack {
        match self.layer_selector.as_ref().and_then(|selector| selector.operation).unwrap_or_default() {
            LayerOperation::Extract => Unpack::Always,
            LayerOperation::Copy => Unpack::Never,
        }
    }

    /// Whether it is reached over http.
    pub fn is_insecure(&self) -> bool {
        self.insecure == Some(true)
    }
}

impl Settings for OciGenerator {
    fn judge(&self, found: &mut Violations) {
        rules::judge(self, found);
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.is_insecure() && self.secret_ref.is_some() {
            let why = "credentials of secretRef travel unencrypted; use https";
            warnings.push(format!("spec.generator.oci.insecure: {why}"));
        } else if self.is_insecure() && self.verify.is_none() {
            let why = "anybody on the way can change the data; use https, or verify";
            warnings.push(format!("spec.generator.oci.insecure: {why}"));
        }
        warnings
    }

    fn secrets(&self) -> Vec<&str> {
        let signers = self.verify.as_ref().and_then(|verify| verify.secret_ref.as_ref());
        [self.secret_ref.as_ref(), self.cert_secret_ref.as_ref(), self.proxy_secret_ref.as_ref(), signers]
            .into_iter()
            .flatten()
            .map(|reference| &*reference.name)
            .collect()
    }

    fn host(&self) -> String {
        self.registry().to_owned()
    }

    fn unpacks(&self) -> Option<&'static str> {
        (self.unpack() == Unpack::Always).then_some("spec.generator.oci.layerSelector.operation")
    }
}

#[cfg(test)]
mod tests;
