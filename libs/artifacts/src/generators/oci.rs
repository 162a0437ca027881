//! `oci`: an artifact in an OCI registry, by the distribution specification.
//!
//! [`place`] says where and by what to ask, [`registry`] is all that speaks, [`challenge`] reads how a registry wants to know who
//! asks, [`manifest`] what it answers, [`tags`] finds the newest version. [`verify`] looks for signatures, which [`signature`] judges.
mod challenge;
mod credentials;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod manifest;
mod place;
mod registry;
mod signature;
mod tags;
mod verify;

use super::{Ask, Generator};
use crate::{
    Digest, Error, RegistryError,
    fetch::{Fetcher, Head, Reply, SignedBy, Validators},
    plan::{Inputs, Secrets},
};
use crds::external_source::{self, OciGenerator, OciWanted, Settings, Unpack};
use futures::{FutureExt, future::BoxFuture};
use manifest::{Descriptor, Manifest};
use place::Place;
use registry::Registry;
use std::sync::Arc;
use url::Url;

/// # Errors
/// A Secret is missing, lacks a key, or holds what cannot be sent or trusted.
pub(super) fn plan(
    generator: &external_source::Generator,
    secrets: &Secrets,
    inputs: &mut Inputs,
) -> Result<Arc<dyn Generator>, Error> {
    let oci = generator.oci.as_ref().expect("the rules ask for spec.generator.oci");
    let place = Place::new(oci, secrets)?;
    write(inputs, oci, secrets)?;
    Ok(Arc::new(place))
}

/// Another key that may have signed is another input, so that what was verified once need not be again.
fn write(inputs: &mut Inputs, oci: &OciGenerator, secrets: &Secrets) -> Result<(), Error> {
    inputs.text("generator", "oci");
    inputs.text("url", &oci.url);
    match oci.wanted() {
        OciWanted::Digest(digest) => inputs.text("digest", digest),
        OciWanted::Tag(tag) => inputs.text("tag", tag),
        OciWanted::Semver(range, filter) => {
            inputs.text("semver", range);
            inputs.optional("semverFilter", filter);
        }
    }
    inputs.optional("layer", oci.layer_type());
    inputs.text("insecure", &oci.is_insecure().to_string());
    inputs.optional("verify", oci.verify.as_ref().map(|verify| verify.provider.as_str()));
    for name in oci.secrets() {
        inputs.secret("secret", secrets.find(name)?);
    }
    inputs.unpack(oci.unpack());
    Ok(())
}

/// What a reference led to.
struct Found {
    /// Of what the reference names: a manifest, or an index of one.
    digest: Digest,
    /// The tag that led there, if one did.
    tag: Option<String>,
    manifest: Manifest,
}

impl Generator for Place {
    fn host(&self) -> String {
        self.settings.host()
    }

    fn unpack(&self) -> Unpack {
        self.settings.unpack()
    }

    fn fetch<'a>(&'a self, fetcher: &'a Fetcher, ask: Ask<'a>) -> BoxFuture<'a, Result<Reply, Error>> {
        async move {
            let mut registry = Registry::new(self, fetcher, ask.bounds);
            let found = find(self, &mut registry).await?;
            let validators = Validators { etag: Some(found.digest.to_string()), last_modified: None };
            if ask.validators == Some(&validators) {
                return Ok(Reply::NotModified { pause: None, validators: None });
            }
            let signed_by = match &self.signers {
                Some(signers) => Some(verify::verify(&mut registry, signers, &found.digest).await?),
                None => None,
            };
            self.layer(registry, found, validators, signed_by).await
        }
        .boxed()
    }
}

async fn find(place: &Place, registry: &mut Registry<'_>) -> Result<Found, Error> {
    let (reference, pinned, what) = match place.settings.wanted() {
        OciWanted::Digest(digest) => {
            let pinned = digest.parse().expect("the rules accepted this digest");
            (digest.to_owned(), Some(pinned), format!("artifact {digest}"))
        }
        OciWanted::Tag(tag) => (tag.to_owned(), None, format!("tag {tag}")),
        OciWanted::Semver(range, filter) => {
            let tag = tags::newest(registry, range, filter).await?;
            let what = format!("tag {tag}");
            (tag, None, what)
        }
    };
    let Some((manifest, digest)) = registry.manifest(&reference, pinned).await? else {
        return Err(Error::Registry(RegistryError::NoSuchArtifact { host: place.host(), what }));
    };
    let tag = pinned.is_none().then_some(reference);
    Ok(Found { digest, tag, manifest })
}

impl Place {
    async fn layer(
        &self,
        mut registry: Registry<'_>,
        found: Found,
        validators: Validators,
        signed_by: Option<SignedBy>,
    ) -> Result<Reply, Error> {
        let layers = self.layers(&mut registry, found.manifest).await?;
        let layer = manifest::choose(&layers, self.settings.layer_type())
            .map_err(|problem| self.unexpected(problem))?;
        let (head, body) = registry.blob(layer).await?;
        let mut origin = head.origin;
        origin.url = name(&self.settings, found.tag.as_deref(), &found.digest);
        origin.validators = validators.clone();
        origin.signed_by = signed_by;
        let content_type = Some(layer.media_type.to_ascii_lowercase());
        Ok(Reply::Data(Head { content_type, validators, origin, ..head }, body))
    }

    /// An index stands for the manifest in it, if there is no choice.
    async fn layers(
        &self,
        registry: &mut Registry<'_>,
        manifest: Manifest,
    ) -> Result<Vec<Descriptor>, Error> {
        let manifests = match manifest {
            Manifest::Artifact(layers) => return Ok(layers),
            Manifest::Index(manifests) => manifests,
        };
        let only = manifest::only(&manifests).map_err(|problem| self.unexpected(problem))?;
        match registry.manifest(&only.to_string(), Some(only)).await? {
            Some((Manifest::Artifact(layers), _)) => Ok(layers),
            Some((Manifest::Index(_), _)) => Err(self.unexpected("it is an index of an index".into())),
            None => Err(self.unexpected("its index names a manifest that is not there".into())),
        }
    }

    fn unexpected(&self, problem: String) -> Error {
        Error::Registry(RegistryError::UnexpectedManifest { host: self.host(), problem })
    }
}

/// What came, as registries' clients name it: `oci://host/repository:tag@digest`.
fn name(oci: &OciGenerator, tag: Option<&str>, digest: &Digest) -> Url {
    let tag = tag.map(|tag| format!(":{tag}")).unwrap_or_default();
    let name = format!("{}{tag}@{digest}", oci.url);
    Url::parse(&name)
        .expect("the rules accepted the address, and tags and digests are of letters, digits and -._:")
}
