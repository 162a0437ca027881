//! Keeps the two Secrets true, together with every other replica: create, and on a conflict look again.
use crate::{
    certificate::ServingCertificate,
    error::Error,
    plan::{self, Because, Lifetimes},
    secrets::{AUTHORITY_SECRET, Action, SERVING_SECRET, Slot, Stored},
};
use futures::{Stream, StreamExt as _, stream};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Client,
    api::PostParams,
    runtime::{WatchStreamExt as _, watcher},
};
use std::{collections::BTreeSet, pin::pin, sync::Arc, time::Duration};
use telemetry::Chain;
use tokio::{sync::watch, time};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

const FIELD_MANAGER: &str = "postern-certs";
/// Each attempt ends in progress of this replica or of another one, and there are at most two steps to go.
const ATTEMPTS: usize = 16;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Reads and writes the Secrets.
pub(crate) struct Keeper {
    api: Api<Secret>,
    namespace: String,
    names: BTreeSet<String>,
    lifetimes: Lifetimes,
}

/// Waits for the first certificate, then keeps it true.
pub(crate) async fn start(
    keeper: Keeper,
    shutdown: CancellationToken,
) -> Result<watch::Receiver<Arc<ServingCertificate>>, Error> {
    let first = shutdown.run_until_cancelled(keeper.first()).await.ok_or(Error::Interrupted)?;
    let (certificate, until) = first?;
    let (tx, rx) = watch::channel(Arc::new(certificate));
    tokio::spawn(async move { shutdown.run_until_cancelled(keeper.keep(tx, until)).await });
    Ok(rx)
}

impl Keeper {
    pub(crate) fn new(
        client: Client,
        namespace: String,
        names: BTreeSet<String>,
        lifetimes: Lifetimes,
    ) -> Self {
        Self { api: Api::namespaced(client, &namespace), namespace, names, lifetimes }
    }

    /// An API server that is away, or a right that is not yet granted, is waited for; a name that no certificate can
    /// carry is not.
    async fn first(&self) -> Result<(ServingCertificate, Timestamp), Error> {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.settle(None).await {
                Err(error @ (Error::Secret { .. } | Error::Contended { .. })) => {
                    report(&error);
                    time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                done => return done,
            }
        }
    }

    /// Looks again whenever a Secret changes or something falls due. While that fails, the last certificate serves.
    async fn keep(self, tx: watch::Sender<Arc<ServingCertificate>>, mut until: Timestamp) {
        let mut changes = pin!(self.changes());
        loop {
            let due = time::sleep(plan::pause(until, Timestamp::now()));
            tokio::select! {
                Some(()) = changes.next() => {}
                () = due => {}
                () = tx.closed() => return,
            }
            let served = Arc::clone(&tx.borrow());
            until = match self.settle(Some(&served)).await {
                Ok((certificate, until)) => {
                    hand_on(&tx, certificate);
                    until
                }
                Err(error) => {
                    report(&error);
                    Timestamp::now() + LONGEST_PAUSE
                }
            };
        }
    }

    /// Walks step by step until there is nothing to do but serve.
    async fn settle(
        &self,
        served: Option<&ServingCertificate>,
    ) -> Result<(ServingCertificate, Timestamp), Error> {
        for _ in 0..ATTEMPTS {
            let stored = self.observe(served).await?;
            match stored.next(&self.names, &self.lifetimes, Timestamp::now())? {
                Action::Serve(certificate, until) => return Ok((certificate, until)),
                Action::Write(name, secret, because) => self.write(name, *secret, because).await?,
            }
        }
        Err(Error::Contended { attempts: ATTEMPTS })
    }

    async fn observe(&self, served: Option<&ServingCertificate>) -> Result<Stored, Error> {
        let (authority, serving) = tokio::try_join!(self.read(AUTHORITY_SECRET), self.read(SERVING_SECRET))?;
        let stored = Stored::read(authority, serving, served);
        self.warn_of(&stored.authority);
        self.warn_of(&stored.serving);
        Ok(stored)
    }

    fn warn_of(&self, slot: &Slot) {
        if let Some(error) = &slot.unusable {
            let error = Chain(error);
            warn!(%error, secret = slot.name, namespace = self.namespace, "Secret holds no usable certificate, repairing it");
        }
    }

    async fn read(&self, name: &'static str) -> Result<Option<Secret>, Error> {
        self.api.get_opt(name).await.map_err(|source| self.failed("read", name, source))
    }

    /// Somebody else being faster is no failure: whoever calls looks again and takes what is there.
    async fn write(&self, name: &'static str, secret: Secret, because: Because) -> Result<(), Error> {
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        let (action, written) = if secret.metadata.resource_version.is_some() {
            ("replace", self.api.replace(name, &params, &secret).await)
        } else {
            ("create", self.api.create(&params, &secret).await)
        };
        match written {
            Ok(_) => {
                info!(secret = name, namespace = self.namespace, reason = %because, "wrote the Secret of a certificate");
                Ok(())
            }
            Err(kube::Error::Api(status)) if status.is_conflict() || status.is_already_exists() => Ok(()),
            Err(kube::Error::Api(status)) if action == "replace" && status.is_not_found() => Ok(()),
            Err(source) => Err(self.failed(action, name, source)),
        }
    }

    fn failed(&self, action: &'static str, name: &'static str, source: kube::Error) -> Error {
        Error::Secret { action, namespace: self.namespace.clone(), name, source: Box::new(source) }
    }

    /// One item for each change of either Secret.
    fn changes(&self) -> impl Stream<Item = ()> + use<> {
        let of = |name| watcher::watch_object(self.api.clone(), name).boxed();
        stream::select(of(AUTHORITY_SECRET), of(SERVING_SECRET)).default_backoff().filter_map(
            async |change: Result<_, watcher::Error>| {
                if let Err(error) = &change {
                    warn!(error = %Chain(error), "failed to watch the Secrets of the certificates");
                }
                change.ok().map(|_| ())
            },
        )
    }
}

fn hand_on(tx: &watch::Sender<Arc<ServingCertificate>>, certificate: ServingCertificate) {
    let not_after = certificate.not_after;
    let changed = tx.send_if_modified(|current| {
        let differs = !current.is_same(&certificate);
        if differs {
            *current = Arc::new(certificate);
        }
        differs
    });
    if changed {
        info!(%not_after, "certificate replaced");
    }
}

fn report(error: &Error) {
    warn!(error = %Chain(error), reason = error.reason(), "failed to keep the certificate, trying again");
}
