//! The namespaces of the cluster, followed by a watch.
use super::{Namespaces, Phase};
use crate::status::Status;
use futures::{FutureExt, StreamExt, future::BoxFuture};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client,
    runtime::{WatchStreamExt, reflector, reflector::ObjectRef, watcher},
};
use std::{future::Future, pin::pin};
use tracing::warn;

/// The namespaces of the cluster. Its ServiceAccount must be allowed to get, list and watch `namespaces`.
///
/// One that the watch does not show is asked for, so that objects can be created right after their namespace.
#[derive(Clone)]
pub struct WatchedNamespaces {
    api: Api<Namespace>,
    seen: reflector::Store<Namespace>,
}

impl WatchedNamespaces {
    /// The namespaces that `client` sees, and the future that follows them for as long as it is polled.
    pub fn new(client: Client) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let api = Api::<Namespace>::all(client);
        let (seen, writer) = reflector::store();
        let changes = watcher(api.clone(), watcher::Config::default()).modify(only_phase).default_backoff();
        let follow = async move {
            let mut changes = pin!(changes.reflect(writer));
            while let Some(change) = changes.next().await {
                if let Err(error) = change {
                    warn!(%error, "failed to follow the namespaces");
                }
            }
        };
        (Self { api, seen }, follow)
    }

    async fn ask(&self, name: &str) -> Result<Phase, Status> {
        match self.api.get_opt(name).await {
            Ok(Some(namespace)) => Ok(phase(&namespace)),
            Ok(None) => Ok(Phase::Missing),
            Err(error) => {
                warn!(%error, namespace = name, "failed to read a namespace");
                Err(Status::internal("failed to read the namespace"))
            }
        }
    }
}

impl Namespaces for WatchedNamespaces {
    fn phase<'a>(&'a self, namespace: &'a str) -> BoxFuture<'a, Result<Phase, Status>> {
        async move {
            match self.seen.get(&ObjectRef::new(namespace)) {
                Some(seen) => Ok(phase(&seen)),
                None => self.ask(namespace).await,
            }
        }
        .boxed()
    }
}

/// Names and phases are all that is needed; labels and annotations of every namespace would be kept for nothing.
fn only_phase(namespace: &mut Namespace) {
    namespace.metadata.managed_fields = None;
    namespace.metadata.annotations = None;
    namespace.metadata.labels = None;
    namespace.spec = None;
}

fn phase(namespace: &Namespace) -> Phase {
    let phase = namespace.status.as_ref().and_then(|status| status.phase.as_deref());
    if phase == Some("Terminating") { Phase::Terminating } else { Phase::Active }
}
