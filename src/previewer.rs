//! Who tells what would become of an object and what passes did: the controller of this process, or, where roles run apart, and of
//! what another replica did, another one.
use crate::{cluster::Cluster, flags::Flags, role::Role, tls::Certificate};
use anyhow::Context as _;
use futures::FutureExt as _;
use previews::{Authorities, Local, Previewer, Proof, Remote, Replica, logs::Keeper};
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
    let namespace = &flags.cluster.installation.namespace;
    let given = flags.previews.controller_url.as_ref().filter(|_| !role.reconciles());
    let url = given.map_or_else(|| url(namespace), |url| Ok(url.clone()))?;
    let name = url.domain().map_or_else(|| service(namespace), str::to_owned);
    let proof = Proof::new(cluster.reviews.clone());
    let others = Remote { url, name, authorities: authorities(certificate.clone()), proof };
    Ok(match role.reconciles() {
        true => Controllers::of(Replica { own: local.clone(), others }),
        false => Controllers::of(others),
    })
}

/// Every replica of a controller is behind the Service, and each of them can tell.
fn url(namespace: &str) -> anyhow::Result<Url> {
    let text = format!("https://{}:9444", service(namespace));
    Url::parse(&text).with_context(|| format!("{namespace} is no name of a namespace"))
}

/// What every certificate says that kube-apiserver believes.
fn service(namespace: &str) -> String {
    format!("postern.{namespace}.svc")
}

/// All roles serve with certificates of the same CA.
fn authorities(certificate: Certificate) -> Authorities {
    Arc::new(move || {
        let coming = certificate.clone().obtain();
        async move { Some(coming.await.ok()??.borrow().ca_pem.clone()) }.boxed()
    })
}
