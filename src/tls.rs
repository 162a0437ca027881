//! The serving certificate: where it comes from, who waits for it, and how listeners follow it.
use crate::{
    flags::{Flags, TlsFlags},
    listen,
};
use anyhow::Context as _;
use certs::{Error, Lifetimes, ServingCertificate, Source};
use extension_apiserver::serve::{ClientCertificates, Tls};
use futures::{
    FutureExt as _,
    future::{BoxFuture, Shared, pending},
};
use kube::Client;
use prometheus_client::metrics::gauge::Gauge;
use secrecy::ExposeSecret as _;
use std::sync::Arc;
use telemetry::{metrics::Registry, ready::Gate};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::error;

/// The certificate of the moment, and a sign of life whenever it changes.
pub(crate) type Followed = watch::Receiver<Arc<ServingCertificate>>;

/// The certificate to come. Clones wait for the same one.
#[derive(Clone)]
pub(crate) struct Certificate {
    coming: Shared<BoxFuture<'static, Result<Followed, Arc<Error>>>>,
    is_self_managed: bool,
    /// When the one that is served ends, for alerts.
    ends: Gauge,
}

impl Certificate {
    /// From the files that were given, or else a pair of our own. Nothing happens until somebody waits for it.
    pub(crate) fn new(
        flags: &Flags,
        client: Client,
        registry: &mut Registry,
        shutdown: CancellationToken,
    ) -> Self {
        let source = source(flags, client);
        let is_self_managed = matches!(source, Source::SelfManaged { .. });
        let coming = async move { certs::start(source, shutdown).await.map_err(Arc::new) };
        let ends = Gauge::default();
        let help = "When the serving certificate ends, in seconds since 1970";
        registry.register("certificate_expiry_timestamp_seconds", help, ends.clone());
        Self { coming: coming.boxed().shared(), is_self_managed, ends }
    }

    /// Opens `gate` once the certificate is there, and tells when it ends, until `shutdown`.
    pub(crate) async fn watch(self, gate: Gate, shutdown: CancellationToken) -> anyhow::Result<()> {
        let ends = self.ends.clone();
        let Some(mut certificate) = self.obtain().await? else { return Ok(()) };
        gate.open();
        let watched = async {
            loop {
                ends.set(certificate.borrow_and_update().not_after.as_second());
                // Its keeper is gone at shutdown alone.
                if certificate.changed().await.is_err() {
                    return pending().await;
                }
            }
        };
        shutdown.run_until_cancelled(watched).await;
        Ok(())
    }

    /// Whether publishing the CA is up to us.
    pub(crate) fn is_self_managed(&self) -> bool {
        self.is_self_managed
    }

    /// Waits for it; `None` when shutdown came first.
    pub(crate) async fn obtain(self) -> anyhow::Result<Option<Followed>> {
        match self.coming.await {
            Ok(certificate) => Ok(Some(certificate)),
            Err(error) if matches!(*error, Error::Interrupted) => Ok(None),
            Err(error) => Err(anyhow::Error::new(error)),
        }
    }
}

fn source(flags: &Flags, client: Client) -> Source {
    if let TlsFlags { cert: Some(cert), key: Some(key), ca } = &flags.tls {
        return Source::Files { cert: cert.clone(), key: key.clone(), ca: ca.clone() };
    }
    let namespace = flags.cluster.installation.namespace.clone();
    let names =
        listen::names(&namespace, &[flags.listen.apiserver, flags.listen.webhook, flags.listen.controller]);
    Source::SelfManaged { client, namespace, names, lifetimes: Lifetimes::default() }
}

/// TLS with the certificate of the moment. A task replaces it until the certificate's keeper is gone.
pub(crate) fn following(mut certificate: Followed, clients: ClientCertificates) -> anyhow::Result<Tls> {
    let first = Arc::clone(&certificate.borrow_and_update());
    let tls = Tls::new(&first.chain_pem, first.key_pem.expose_secret(), clients)
        .context("failed to serve with the certificate")?;
    let followed = tls.clone();
    tokio::spawn(async move {
        while certificate.changed().await.is_ok() {
            let next = Arc::clone(&certificate.borrow_and_update());
            if let Err(error) = followed.replace(&next.chain_pem, next.key_pem.expose_secret()) {
                error!(%error, reason = error.reason(), "failed to replace the certificate, the last one serves on");
            }
        }
    });
    Ok(tls)
}
