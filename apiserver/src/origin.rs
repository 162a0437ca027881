//! The sources in kube-apiserver itself, for whom what the watch has shown may be a moment too old.
use crate::feed::{Guarded, decoded};
use crds::{ExternalSource, annotations::REQUESTED_AT};
use extension_apiserver::{object::Key, status::Status};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};
use tracing::warn;

/// Who writes, as Kubernetes remembers it.
const FIELD_MANAGER: &str = "postern-apiserver";

/// Who sets `spec.pin`: one of its own, so that whoever applies the rest of the spec leaves it alone.
const PINNING_MANAGER: &str = "postern-rollback";

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
        let body = meant_for(source, json!({ "metadata": { "annotations": { REQUESTED_AT: token } } }));
        self.patch(source, Patch::Apply(body), FIELD_MANAGER).await
    }

    /// Pins a revision, or takes the pin away, whoever has set it. Fails as [`Self::request`] does.
    pub(crate) async fn pin(
        &self,
        source: &ExternalSource,
        revision: Option<&str>,
    ) -> kube::Result<ExternalSource> {
        let body = meant_for(source, json!({ "spec": { "pin": revision } }));
        if revision.is_some() {
            return self.patch(source, Patch::Apply(body), PINNING_MANAGER).await;
        }
        // An apply could take away only what it has set itself.
        self.patch(source, Patch::Merge(body), PINNING_MANAGER).await
    }

    async fn patch(
        &self,
        source: &ExternalSource,
        patch: Patch<Value>,
        manager: &str,
    ) -> kube::Result<ExternalSource> {
        let field_manager = Some(manager.to_owned());
        let params =
            PatchParams { field_manager, force: matches!(patch, Patch::Apply(_)), ..PatchParams::default() };
        let api = self.api(&source.namespace().unwrap_or_default());
        api.patch(&source.name_any(), &params, &patch).await.map(decoded)
    }

    fn api(&self, namespace: &str) -> Api<Guarded> {
        Api::namespaced(self.0.clone(), namespace)
    }
}

/// A patch that lands on the source as it was read, and on no later one.
fn meant_for(source: &ExternalSource, mut body: Value) -> Value {
    body["apiVersion"] = json!(ExternalSource::api_version(&()));
    body["kind"] = json!(ExternalSource::kind(&()));
    body["metadata"]["name"] = json!(source.name_any());
    body["metadata"]["uid"] = json!(source.uid());
    body["metadata"]["resourceVersion"] = json!(source.resource_version());
    body
}

/// What a client is told when kube-apiserver did not do what was asked of it.
pub(crate) fn refusal(error: &kube::Error) -> Status {
    warn!(error = %telemetry::Chain(error), "kube-apiserver did not let an externalsource be read or written");
    match error {
        // Another attempt would be refused as well.
        kube::Error::Api(status) if (400..500).contains(&status.code) && status.code != 429 => {
            Status::internal("kube-apiserver refuses to let the source be read or written")
        }
        _ => Status::unavailable("kube-apiserver cannot be asked", 1),
    }
}
