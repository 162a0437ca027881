//! What a registry says that an artifact is made of: manifests of OCI and of Docker, and indexes of them. Pure.
use crate::Digest;
use serde::Deserialize;
use std::collections::BTreeMap;

/// What is asked for.
pub(super) const ACCEPTED: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json";

/// Media types of manifests; those of indexes follow.
const MANIFESTS: [&str; 2] =
    ["application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"];
const INDEXES: [&str; 2] =
    ["application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"];

/// By which BuildKit marks what tells of a build and is no image.
const ATTESTATION: &str = "vnd.docker.reference.type";

/// What a reference leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Manifest {
    /// An artifact, by its layers.
    Artifact(Vec<Descriptor>),
    /// Manifests to choose from.
    Index(Vec<Descriptor>),
}

/// One thing in a registry.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    #[serde(default)]
    pub(super) media_type: String,
    digest: String,
    #[serde(default)]
    pub(super) annotations: BTreeMap<String, String>,
    /// What it is, where it refers to another.
    #[serde(default)]
    pub(super) artifact_type: String,
    #[serde(default)]
    platform: Option<Platform>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Platform {
    #[serde(default)]
    os: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    media_type: Option<String>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
}

impl Descriptor {
    /// # Errors
    /// It is of another kind than SHA-256.
    pub(super) fn digest(&self) -> Result<Digest, String> {
        self.digest.parse().map_err(|_| "it is named by something else than a SHA-256".to_owned())
    }
}

/// Reads a manifest. What could be read as a manifest and as an index, or is called otherwise than it calls itself, is refused: two
/// readers must not see two things under one digest (CVE-2021-41190).
///
/// # Errors
/// In words that hold nothing of it.
pub(super) fn read(bytes: &[u8], content_type: Option<&str>) -> Result<Manifest, String> {
    let document: Document =
        serde_json::from_slice(bytes).map_err(|_| "its manifest cannot be read".to_owned())?;
    let Document { media_type, layers, manifests } = document;
    if let (Some(says), Some(content_type)) = (&media_type, content_type)
        && says != content_type
    {
        return Err("its manifest is called otherwise than it calls itself".into());
    }
    let kind = media_type.as_deref().or(content_type).unwrap_or_default();
    match (layers, manifests) {
        (Some(layers), None) if MANIFESTS.contains(&kind) => Ok(Manifest::Artifact(layers)),
        (None, Some(manifests)) if INDEXES.contains(&kind) => Ok(Manifest::Index(manifests)),
        (Some(_), Some(_)) => Err("its manifest is an index as well".into()),
        _ => Err("its manifest is neither one of OCI nor one of Docker, version 2".into()),
    }
}

/// The one manifest of an index that is an artifact.
///
/// # Errors
/// There is none, or a choice.
pub(super) fn only(manifests: &[Descriptor]) -> Result<Digest, String> {
    let is_artifact = |found: &&Descriptor| {
        let is_known = found.platform.as_ref().is_none_or(|platform| platform.os != "unknown");
        MANIFESTS.contains(&found.media_type.as_str())
            && is_known
            && !found.annotations.contains_key(ATTESTATION)
    };
    let mut fitting = manifests.iter().filter(is_artifact);
    match (fitting.next(), fitting.count()) {
        (Some(one), 0) => one.digest(),
        (Some(_), more) => {
            let count = more + 1;
            Err(format!("it is an index of {count} manifests; name one of them in ref.digest"))
        }
        (None, _) => Err("it is an index without a manifest".into()),
    }
}

/// The layer that is wanted.
///
/// # Errors
/// There is none.
pub(super) fn choose<'l>(layers: &'l [Descriptor], wanted: Option<&str>) -> Result<&'l Descriptor, String> {
    match wanted {
        None => layers.first().ok_or_else(|| "it has no layer".into()),
        Some(wanted) => {
            let fits = |layer: &&Descriptor| layer.media_type == wanted;
            layers.iter().find(fits).ok_or_else(|| format!("none of its {} layers is {wanted}", layers.len()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn descriptor(media_type: &str, first: &str) -> Value {
        json!({ "mediaType": media_type, "digest": format!("sha256:{first}{}", "0".repeat(63)), "size": 1 })
    }

    fn of(document: &Value, content_type: Option<&str>) -> Result<Manifest, String> {
        read(document.to_string().as_bytes(), content_type)
    }

    #[test]
    fn manifests_of_oci_and_docker_are_read() {
        for kind in MANIFESTS {
            let document =
                json!({ "schemaVersion": 2, "mediaType": kind, "layers": [descriptor("a/b", "1")] });
            let Ok(Manifest::Artifact(layers)) = of(&document, Some(kind)) else { panic!("{kind}") };
            assert_eq!(choose(&layers, None).expect("first").media_type, "a/b");
            assert_eq!(choose(&layers, Some("c/d")), Err("none of its 1 layers is c/d".into()));
        }
        let without = json!({ "schemaVersion": 2, "layers": [] });
        let Ok(Manifest::Artifact(layers)) = of(&without, Some(MANIFESTS[0])) else {
            panic!("by its header")
        };
        assert_eq!(choose(&layers, None), Err("it has no layer".into()));
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        let (one, other) = (MANIFESTS[0], INDEXES[0]);
        for (document, content_type, said) in [
            (json!({ "mediaType": one, "layers": [], "manifests": [] }), Some(one), "an index as well"),
            (json!({ "mediaType": one, "layers": [] }), Some(other), "called otherwise"),
            (json!({ "mediaType": other, "layers": [] }), Some(other), "neither one of OCI"),
            (json!({ "layers": [] }), None, "neither one of OCI"),
            (json!({ "schemaVersion": 1, "fsLayers": [] }), Some("application/json"), "neither one of OCI"),
            (json!([]), Some(one), "cannot be read"),
        ] {
            let problem = of(&document, content_type).expect_err(said);
            assert!(problem.contains(said), "{document}: {problem}");
        }
    }

    #[test]
    fn an_index_stands_for_the_only_manifest_in_it() {
        let mut attestation = descriptor(MANIFESTS[0], "2");
        attestation["platform"] = json!({ "os": "unknown", "architecture": "unknown" });
        let mut marked = descriptor(MANIFESTS[0], "3");
        marked["annotations"] = json!({ ATTESTATION: "attestation-manifest" });
        let one = descriptor(MANIFESTS[1], "1");
        let index = |manifests: &[&Value]| {
            let document = json!({ "mediaType": INDEXES[0], "manifests": manifests });
            match of(&document, None) {
                Ok(Manifest::Index(manifests)) => only(&manifests),
                other => panic!("{other:?}"),
            }
        };
        let found = index(&[&attestation, &one, &marked]).expect("one");
        assert!(found.hex().starts_with("10"), "{found}");
        let two = index(&[&one, &one]).expect_err("a choice");
        assert_eq!(two, "it is an index of 2 manifests; name one of them in ref.digest");
        assert_eq!(index(&[&attestation]), Err("it is an index without a manifest".into()));
    }

    #[test]
    fn another_digest_than_sha_256_is_refused() {
        let layer = json!({ "mediaType": "a/b", "digest": "sha512:00", "size": 1 });
        let layer: Descriptor = serde_json::from_value(layer).expect("it can be read");
        assert!(layer.digest().is_err());
    }
}
