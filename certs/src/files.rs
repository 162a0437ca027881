//! Reads the pair that somebody else keeps in files, again and again.
//!
//! Polled, not watched: kubelet swaps the folder that its symlinks point to, which a watch on the files never sees.
use crate::{certificate::ServingCertificate, error::Error, pair::Pair};
use std::{path::PathBuf, sync::Arc, time::Duration};
use telemetry::Chain;
use tokio::{fs, sync::watch, time};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Three small reads, so a new certificate is served within about a second.
const EVERY: Duration = Duration::from_secs(1);

/// Where the files are.
pub(crate) struct Paths {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) ca: Option<PathBuf>,
}

/// Reads the files once, then keeps reading them.
pub(crate) async fn start(
    paths: Paths,
    shutdown: CancellationToken,
) -> Result<watch::Receiver<Arc<ServingCertificate>>, Error> {
    let (tx, rx) = watch::channel(Arc::new(paths.load().await?));
    tokio::spawn(async move { shutdown.run_until_cancelled(paths.keep(tx)).await });
    Ok(rx)
}

impl Paths {
    async fn load(&self) -> Result<ServingCertificate, Error> {
        let (chain, key) = (read(&self.cert).await?, read(&self.key).await?);
        let ca_pem = match &self.ca {
            Some(path) => read(path).await?,
            None => Vec::new(),
        };
        let pair = Pair::read(&chain, &key)
            .map_err(|source| Error::UnusableFile { path: self.cert.clone(), source })?;
        Ok(ServingCertificate::new(&pair, ca_pem))
    }

    /// Half-written files are the rule while somebody renews them, so the last good pair serves on; what stays wrong
    /// is told once.
    async fn keep(self, tx: watch::Sender<Arc<ServingCertificate>>) {
        let mut told = None;
        let mut ticks = time::interval(EVERY);
        ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        while !tx.is_closed() {
            ticks.tick().await;
            let problem = match self.load().await {
                Ok(certificate) => {
                    hand_on(&tx, certificate);
                    None
                }
                Err(error) => Some(Chain(&error).to_string()),
            };
            if let Some(error) = problem.as_ref().filter(|_| problem != told) {
                warn!(error, "failed to read the certificate again, the last one serves on");
            }
            told = problem;
        }
    }
}

fn hand_on(tx: &watch::Sender<Arc<ServingCertificate>>, certificate: ServingCertificate) {
    let not_after = certificate.not_after;
    if !tx.borrow().is_same(&certificate) {
        tx.send_replace(Arc::new(certificate));
        info!(%not_after, "certificate replaced");
    }
}

async fn read(path: &PathBuf) -> Result<Vec<u8>, Error> {
    fs::read(path).await.map_err(|source| Error::UnreadableFile { path: path.clone(), source })
}

#[cfg(test)]
mod tests;
