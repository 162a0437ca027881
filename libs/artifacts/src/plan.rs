//! What one pass will do, worked out from a checked spec and its Secrets. Pure: a plan is a value.
//!
//! Everything a Secret can get wrong is found here, before any connection, and is told by the name of the Secret and
//! its key; the values themselves are never shown.
mod bearer;
pub(crate) mod ca_bundle;
mod client_certificate;
pub(crate) mod headers;
mod hooks;
mod inputs;
mod proxy;
mod request_body;
mod secrets;
mod shape;

pub use bearer::Bearer;
pub(crate) use client_certificate::ClientCertificate;
pub(crate) use hooks::{Hook, Hooks};
pub(crate) use inputs::Inputs;
pub(crate) use proxy::Proxy;
pub(crate) use request_body::RequestBody;
pub(crate) use secrets::told;
pub use secrets::{ReferencedSecret, Secrets};
pub(crate) use shape::Shape;

use crate::{
    Digest, EntryPath, Error,
    generators::{self, Generator, HttpRequest},
    unpack::select::Selection,
};
use ca_bundle::CaBundle;
use crds::{
    ExternalSourceSpec,
    allowed_hosts::NamespaceHosts,
    duration,
    external_source::{SecretKeyReference, ServiceAccountTokenReference, Unpack},
    rules::Valid,
};
use std::{fmt, sync::Arc, time::Duration};

/// What one pass will do.
#[derive(Clone)]
pub struct Plan {
    pub(crate) generator: Arc<dyn Generator>,
    pub(crate) timeout: Duration,
    pub(crate) unpack: Unpack,
    /// Which files of an archive are packed.
    pub(crate) selection: Selection,
    /// `destinationPath` without empty and `.` steps; `None` if nothing is left of it.
    pub(crate) destination: Option<EntryPath>,
    pub(crate) hooks: Hooks,
    pub(crate) shape: Shape,
    pub(crate) inputs: Digest,
    /// Where requests may lead; `None`: to every host.
    pub(crate) hosts: Option<NamespaceHosts>,
}

/// Where Secrets of certificates hold the authorities of the other side (cert-manager, Flux).
const BESIDE_CERTIFICATE: &str = "ca.crt";

/// Whose certificates are believed.
#[derive(Clone)]
pub(crate) enum Trust {
    /// Those that the system's authorities signed.
    System,
    /// Those that the system's authorities signed, or these.
    SystemAnd(CaBundle),
    /// Those that these authorities signed, and no others.
    Bundle(CaBundle),
    /// Everybody's.
    Anybody,
}

impl Trust {
    /// The bundle in a key of a Secret, where the spec names one, or else what the system trusts.
    ///
    /// # Errors
    /// The Secret is missing, lacks the key, or holds no bundle there.
    pub(crate) fn by_bundle(
        reference: Option<&SecretKeyReference>,
        secrets: &Secrets,
    ) -> Result<Self, Error> {
        let Some(reference) = reference else { return Ok(Self::System) };
        Ok(Self::Bundle(ca_bundle::from_secret(secrets.find(&reference.name)?, &reference.key)?))
    }

    /// What a Secret of certificates says of whom to trust.
    ///
    /// # Errors
    /// It holds authorities that cannot be read.
    pub(crate) fn beside_certificate(secret: &ReferencedSecret) -> Result<Self, Error> {
        match secret.data.contains_key(BESIDE_CERTIFICATE) {
            true => Ok(Self::SystemAnd(ca_bundle::from_secret(secret, BESIDE_CERTIFICATE)?)),
            false => Ok(Self::System),
        }
    }

    /// Where the authorities stand that the spec names.
    pub(crate) fn bundle(&self) -> Option<&SecretKeyReference> {
        match self {
            Self::SystemAnd(bundle) | Self::Bundle(bundle) => Some(&bundle.stands_in),
            Self::System | Self::Anybody => None,
        }
    }
}

impl Plan {
    /// Works out what to do.
    ///
    /// # Errors
    /// A Secret is missing, lacks a key, or holds what cannot be sent or trusted.
    pub fn new(spec: Valid<'_, ExternalSourceSpec>, secrets: &Secrets) -> Result<Self, Error> {
        let mut inputs = Inputs::new();
        let generator = generators::plan(&spec.generator, secrets, &mut inputs)?;
        let destination = spec.destination_path.as_deref().and_then(normalized);
        let hooks = Hooks::new(spec.hooks.as_ref());
        inputs.optional("destinationPath", destination.as_ref().map(EntryPath::as_str));
        inputs.hooks("preRequest", &hooks.pre_request);
        inputs.hooks("postRequest", &hooks.post_request);
        let shape = Shape::new(&spec);
        inputs.shape(&shape);
        if let Some(select) = &spec.select {
            inputs.select(select);
        }
        Ok(Self {
            timeout: duration::parse(&spec.timeout).expect("the rules accepted this timeout"),
            unpack: if shape.layout.is_empty() { generator.unpack() } else { Unpack::Always },
            selection: spec.select.as_ref().map(Selection::new).unwrap_or_default(),
            inputs: inputs.finish(),
            generator,
            destination,
            hooks,
            shape,
            hosts: None,
        })
    }

    /// The HTTP request that hooks may change.
    pub(crate) fn request(&self) -> &HttpRequest {
        self.generator.request().expect("the rules accept preRequest hooks only where there is a request")
    }

    /// The ServiceAccount that the source wants to know the request by, if it does.
    pub fn account(&self) -> Option<&ServiceAccountTokenReference> {
        self.generator.request()?.account.as_ref()
    }

    /// From now on the request carries this token, and as other headers of a credential no further than to its own origin.
    pub fn bear(&mut self, bearer: Bearer) {
        let mut request = self.request().clone();
        request.headers.insert(http::header::AUTHORIZATION, bearer.0);
        self.generator = Arc::new(request);
    }

    /// From now on no request, redirect or proxy leads to another host than these.
    pub fn confine(&mut self, hosts: Option<NamespaceHosts>) {
        self.hosts = hosts;
    }

    /// A digest of everything that shapes the artifact or decides whether an answer is accepted: the request, the
    /// versions of the Secrets, where and how the data is packed. Validators of an earlier answer are worth something
    /// only while it stays the same.
    pub fn inputs_digest(&self) -> Digest {
        self.inputs
    }
}

/// Shows where the plan leads and nothing else: address, headers and body may all hold secrets.
impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").field("host", &self.generator.host()).finish_non_exhaustive()
    }
}

/// Drops the steps of a path that lead nowhere.
fn normalized(path: &str) -> Option<EntryPath> {
    let steps: Vec<&str> = path.split('/').filter(|step| !matches!(*step, "" | ".")).collect();
    let path = (!steps.is_empty()).then(|| steps.join("/"))?;
    Some(
        EntryPath::new(path).expect("the rules refused `..`, control characters, backslashes and long paths"),
    )
}

#[cfg(test)]
mod tests;
