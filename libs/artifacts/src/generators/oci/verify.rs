//! Looking for a signature: under the tag that cosign makes of a digest, and among what refers to it.
use super::{
    manifest::{Descriptor, Manifest},
    registry::{LARGEST, Piece, Registry, Whole},
    signature::{Judgement, Signers},
};
use crate::{Digest, Error, RegistryError, fetch::SignedBy};

/// Layers of simple signing, each a payload.
const SIMPLE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
/// How media types of bundles begin; their version follows.
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// What cosign calls bundles in an index that it writes itself, for a registry without a list of referrers.
const UNTYPED: [&str; 2] = ["", "application/vnd.oci.empty.v1+json"];

/// Each is a request; more are not looked at.
const MOST: usize = 32;
/// Payloads have some hundred bytes, bundles a few KiB.
const LARGEST_SIGNATURE: u64 = 256 << 10;

/// Whose signature vouches for the artifact.
///
/// # Errors
/// Nobody's who may have signed, or asking for signatures failed.
pub(super) async fn verify(
    registry: &mut Registry<'_>,
    signers: &Signers,
    digest: &Digest,
) -> Result<SignedBy, Error> {
    let mut seen = Vec::new();
    for layer in attached(registry, digest).await? {
        let Some(signature) = layer.annotations.get(SIGNATURE) else { continue };
        if let Some(payload) = registry.small_blob(&layer, LARGEST_SIGNATURE).await? {
            seen.push(signers.judge_simple(&payload, signature, digest));
        }
        if let Some(Judgement::Good(_)) = seen.last() {
            break;
        }
    }
    if !seen.iter().any(|judgement| matches!(judgement, Judgement::Good(_))) {
        for bundle in bundles(registry, digest).await? {
            seen.push(signers.judge_bundle(&bundle, digest));
        }
    }
    judged(seen, signers).map_err(|problem| {
        Error::Registry(RegistryError::NotVerified { host: registry.host(), digest: *digest, problem })
    })
}

/// The first good one, or what is wrong with all.
fn judged(seen: Vec<Judgement>, signers: &Signers) -> Result<SignedBy, String> {
    let (count, secret) = (seen.len(), &signers.secret);
    let mut another = None;
    for judgement in seen {
        match judgement {
            Judgement::Good(signed_by) => return Ok(signed_by),
            Judgement::ForAnother(key) => another = Some(key),
            Judgement::ByNobody => {}
        }
    }
    Err(match (count, another) {
        (0, _) => "it is not signed".to_owned(),
        (_, Some(key)) => format!(
            "a signature by key {key} of Secret {secret} is attached to it, and is for another artifact"
        ),
        (1, None) => format!("its signature is by none of the keys of Secret {secret}"),
        (count, None) => format!("none of its {count} signatures is by a key of Secret {secret}"),
    })
}

/// What cosign attaches by the tag `sha256-<digits>.sig`.
async fn attached(registry: &mut Registry<'_>, digest: &Digest) -> Result<Vec<Descriptor>, Error> {
    let tag = format!("sha256-{}.sig", digest.hex());
    let Some((Manifest::Artifact(mut layers), _)) = registry.manifest(&tag, None).await? else {
        return Ok(Vec::new());
    };
    layers.retain(|layer| layer.media_type == SIMPLE);
    layers.truncate(MOST);
    Ok(layers)
}

/// The bundles that refer to it, as the registry lists them, or, where it cannot, as the tag `sha256-<digits>` does.
async fn bundles(registry: &mut Registry<'_>, digest: &Digest) -> Result<Vec<Vec<u8>>, Error> {
    let url = registry.place.address(&format!("referrers/{digest}"));
    let piece = Piece { url, accept: INDEX, pinned: None };
    let listed = match registry.whole(&piece, LARGEST).await? {
        Some(Whole { head, bytes, .. }) => super::manifest::read(&bytes, head.content_type.as_deref()).ok(),
        None => registry.manifest(&format!("sha256-{}", digest.hex()), None).await?.map(|(index, _)| index),
    };
    let Some(Manifest::Index(referrers)) = listed else { return Ok(Vec::new()) };
    let is_bundle = |referrer: &&Descriptor| {
        let kind = referrer.artifact_type.as_str();
        kind.starts_with(BUNDLE) || UNTYPED.contains(&kind)
    };
    let mut found = Vec::new();
    for referrer in referrers.iter().filter(is_bundle).take(MOST) {
        let named = referrer.digest().map_err(|problem| registry.unexpected(problem))?;
        let Some((Manifest::Artifact(layers), _)) =
            registry.manifest(&named.to_string(), Some(named)).await?
        else {
            continue;
        };
        for layer in layers.iter().filter(|layer| layer.media_type.starts_with(BUNDLE)).take(1) {
            found.extend(registry.small_blob(layer, LARGEST_SIGNATURE).await?);
        }
    }
    Ok(found)
}
