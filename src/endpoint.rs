//! Something that answers, and the socket on which it is asked.
use crate::tls::{self, Certificate};
use extension_apiserver::serve::{ClientCertificates, Handler, Limits, serve};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// A handler and its listener, not yet serving.
pub(crate) struct Endpoint<H> {
    pub(crate) listener: TcpListener,
    pub(crate) handler: H,
}

impl<H: Handler> Endpoint<H> {
    /// Serves without encryption until `shutdown`, and drains.
    pub(crate) async fn serve_plain(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        serve(self.listener, None, Arc::new(self.handler), Limits::default(), shutdown).await;
        Ok(())
    }

    /// Serves once there is a certificate, always with the newest one, until `shutdown`, and drains.
    pub(crate) async fn serve_tls(
        self,
        certificate: Certificate,
        clients: ClientCertificates,
        shutdown: CancellationToken,
    ) -> anyhow::Result<()> {
        let Some(certificate) = certificate.obtain().await? else { return Ok(()) };
        let tls = tls::following(certificate, clients)?;
        serve(self.listener, Some(tls), Arc::new(self.handler), Limits::default(), shutdown).await;
        Ok(())
    }
}
