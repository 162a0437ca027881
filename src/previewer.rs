//! Who tells what would become of an object and what passes did: the controller of this process, or, where roles run apart,
//! another one.
use crate::{cluster::Cluster, flags::Flags, role::Role, tls::Certificate};
use anyhow::Context as _;
use futures::FutureExt as _;
use previews::{Authorities, Local, Previewer, Proof, Remote, logs::Keeper};
use std::sync::Arc;
use url::Url;

/// Whom the other parts of this process ask.
#[derive(Clone)]
pub(crate) struct Controllers {
    /// What would become of an object.
    pub(crate) previewer: Arc<dyn Previewer>,
    /// What passes did.
    pub(crate) keeper: Arc<dyn Keeper>,
}

impl Controllers {
    fn of<C: Previewer + Keeper>(controller: C) -> Self {
        let controller = Arc::new(controller);
        Self { previewer: controller.clone(), keeper: controller }
    }
}

/// Whom the other parts of this process ask; `local` is where its own controller takes its seat.
pub(crate) fn controllers(
    role: Role,
    flags: &Flags,
    (cluster, certificate): (&Cluster, &Certificate),
    local: &Local,
) -> anyhow::Result<Controllers> {
    if role.reconciles() {
        return Ok(Controllers::of(local.clone()));
    }
    let proof = Proof::new(cluster.reviews.clone());
    Ok(Controllers::of(Remote { url: url(flags)?, authorities: authorities(certificate.clone()), proof }))
}

/// Every replica of a controller is behind the Service, and each of them can tell.
fn url(flags: &Flags) -> anyhow::Result<Url> {
    if let Some(url) = &flags.previews.controller_url {
        return Ok(url.clone());
    }
    let namespace = &flags.cluster.installation.namespace;
    let text = format!("https://postern.{namespace}.svc:9444");
    Url::parse(&text).with_context(|| format!("{namespace} is no name of a namespace"))
}

/// All roles serve with certificates of the same CA.
fn authorities(certificate: Certificate) -> Authorities {
    Arc::new(move || {
        let coming = certificate.clone().obtain();
        async move { Some(coming.await.ok()??.borrow().ca_pem.clone()) }.boxed()
    })
}
