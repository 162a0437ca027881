//! What clients of a Service feel of the kubelet: a replica is in the EndpointSlice as ready while its `/readyz` says so.
use crate::{
    install,
    postern::{self, Postern},
};
use anyhow::{Context, Result};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams},
};
use std::time::Duration;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};

/// How often it looks.
const PERIOD: Duration = Duration::from_millis(200);
/// Longer than any replica takes to change its mind.
const PATIENCE: Duration = Duration::from_secs(30);

/// Looks after one more replica behind the Service of Postern, in a slice of its own.
pub struct Kubelet {
    slices: Api<EndpointSlice>,
    slice: String,
    /// What the slice says, sent by the probing task once it is written.
    ready_rx: watch::Receiver<Option<bool>>,
    _probing: JoinSet<()>,
}

impl Kubelet {
    /// Begins, whether the replica runs already or not.
    pub fn start(postern: &Postern) -> Self {
        let slices: Api<EndpointSlice> = Api::namespaced(postern.client.clone(), "postern-system");
        let slice = format!("postern-{}", postern.name);
        let (ready_tx, ready_rx) = watch::channel(None);
        let mut probing = JoinSet::new();
        probing.spawn(probe(postern.clone(), slices.clone(), slice.clone(), ready_tx));
        Self { slices, slice, ready_rx, _probing: probing }
    }

    /// Returns once the slice says that the replica is ready, or that it is not.
    ///
    /// # Errors
    /// It does not come to that.
    pub async fn until(&self, ready: bool) -> Result<()> {
        let mut said = self.ready_rx.clone();
        let turned = timeout(PATIENCE, said.wait_for(|said| *said == Some(ready))).await;
        turned.with_context(|| format!("ready: {ready} was never seen of {}", self.slice))??;
        Ok(())
    }

    /// Takes the replica out of the Service.
    ///
    /// # Errors
    /// The API refuses.
    pub async fn leave(self) -> Result<()> {
        let Self { slices, slice, _probing: probing, .. } = self;
        drop(probing);
        slices.delete(&slice, &DeleteParams::default()).await?;
        Ok(())
    }
}

async fn probe(
    postern: Postern,
    slices: Api<EndpointSlice>,
    name: String,
    ready_tx: watch::Sender<Option<bool>>,
) {
    loop {
        let admin = postern.endpoints.admin;
        let ready =
            tokio::task::spawn_blocking(move || postern::is_ready(admin)).await.is_ok_and(|ready| ready);
        if *ready_tx.borrow() != Some(ready) {
            let slice = install::endpoint_slice(&name, &postern.endpoints, ready);
            let written =
                slices.patch(&name, &PatchParams::apply("kubelet").force(), &Patch::Apply(&slice)).await;
            if written.is_ok() {
                ready_tx.send_replace(Some(ready));
            }
        }
        sleep(PERIOD).await;
    }
}
