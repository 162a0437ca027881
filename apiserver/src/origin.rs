//! The sources in kube-apiserver itself, for whom what the watch has shown may be a moment too old.
use crate::feed::{Guarded, decoded};
use crds::{ExternalSource, annotations::REQUESTED_AT};
use extension_apiserver::{object::Key, status::Status};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::json;
use tracing::warn;

/// Who writes, as Kubernetes remembers it.
const FIELD_MANAGER: &str = "postern-apiserver";

/// Reads and marks sources.
#[derive(Clone)]
pub(crate) struct Origin(Client);

impl Origin {
    pub(crate) fn new(client: Client) -> Self {
        Self(client)
    }

    /// The source as it is now.
    pub(crate) async fn read(&self, key: &Key) -> kube::Result<Option<ExternalSource>> {
        Ok(self.api(&key.namespace).get_opt(&key.name).await?.map(decoded))
    }

    /// Asks for a pass by an annotation, and returns the source with it. Fails with 409 if the source is no longer the one
    /// that was read: somebody else may have asked meanwhile, and must be answered as well.
    pub(crate) async fn request(&self, source: &ExternalSource, token: &str) -> kube::Result<ExternalSource> {
        let name = source.name_any();
        let body = json!({
            "apiVersion": ExternalSource::api_version(&()),
            "kind": ExternalSource::kind(&()),
            "metadata": {
                "name": name,
                "uid": source.uid(),
                "resourceVersion": source.resource_version(),
                "annotations": { REQUESTED_AT: token },
            },
        });
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let api = self.api(&source.namespace().unwrap_or_default());
        api.patch(&name, &params, &Patch::Apply(body)).await.map(decoded)
    }

    fn api(&self, namespace: &str) -> Api<Guarded> {
        Api::namespaced(self.0.clone(), namespace)
    }
}

/// What a client is told when kube-apiserver did not do what was asked of it.
pub(crate) fn refusal(error: &kube::Error) -> Status {
    warn!(error = %telemetry::Chain(error), "kube-apiserver did not let an externalsource be read or annotated");
    match error {
        // Another attempt would be refused as well.
        kube::Error::Api(status) if (400..500).contains(&status.code) && status.code != 429 => {
            Status::internal("kube-apiserver refuses to let the source be read or annotated")
        }
        _ => Status::unavailable("kube-apiserver cannot be asked", 1),
    }
}
