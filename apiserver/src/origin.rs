//! The sources in kube-apiserver itself, for whom what the watch has shown may be a moment too old.
use crate::feed::{Guarded, decoded};
use crds::{ExternalSource, annotations::REQUESTED_AT};
use extension_apiserver::{
    object::Key,
    status::{Cause, Details, Status},
};
use http::StatusCode;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{Patch, PatchParams, PostParams},
    core::response::StatusCause,
};
use serde_json::{Value, json};
use tracing::warn;

/// Who writes, as Kubernetes remembers it.
const FIELD_MANAGER: &str = "postern-apiserver";

/// Who sets `spec.pin`: one of its own, so that whoever applies the rest of the spec leaves it alone.
const PINNING_MANAGER: &str = "postern-rollback";

/// What admission may give as the reason of a refusal (`metav1.StatusReason`).
const REASONS: [&str; 5] = ["BadRequest", "Forbidden", "Invalid", "RequestEntityTooLarge", "Unauthorized"];

/// What it may give as that of a cause (`metav1.CauseType`).
const CAUSES: [&str; 9] = [
    "FieldManagerConflict",
    "FieldValueDuplicate",
    "FieldValueForbidden",
    "FieldValueInvalid",
    "FieldValueNotFound",
    "FieldValueNotSupported",
    "FieldValueRequired",
    "FieldValueTooLong",
    "FieldValueTypeInvalid",
];

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

    /// What a client is told when kube-apiserver did not do a write: what was said, if it was said of the write and not of us.
    pub(crate) async fn refusal_of_write(&self, source: &ExternalSource, error: &kube::Error) -> Status {
        match error {
            kube::Error::Api(refused) if self.is_of_admission(source, refused).await => relayed(refused),
            _ => refusal(error),
        }
    }

    /// Whether a policy, a webhook, a quota or the schema refuses what is written, which whoever asked can read and change. That we
    /// are nobody, or have no right, is no affair of theirs. Authorization refuses with 403 as policies do, so it is asked.
    async fn is_of_admission(&self, source: &ExternalSource, refused: &kube::core::Status) -> bool {
        match refused.code {
            400 | 413 | 422 => true,
            403 => self.may_write(source).await.unwrap_or_else(|error| {
                warn!(error = %telemetry::Chain(&error), "kube-apiserver does not tell what this server may do");
                false
            }),
            _ => false,
        }
    }

    async fn may_write(&self, source: &ExternalSource) -> kube::Result<bool> {
        let asked = ResourceAttributes {
            group: Some(ExternalSource::group(&()).into()),
            resource: Some(ExternalSource::plural(&()).into()),
            verb: Some("patch".into()),
            namespace: source.namespace(),
            name: Some(source.name_any()),
            ..ResourceAttributes::default()
        };
        let spec = SelfSubjectAccessReviewSpec { resource_attributes: Some(asked), ..Default::default() };
        let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
        let reviews: Api<SelfSubjectAccessReview> = Api::all(self.0.clone());
        let answer = reviews.create(&PostParams::default(), &review).await?;
        Ok(answer.status.is_some_and(|status| status.allowed))
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

/// The same refusal, from us.
fn relayed(refused: &kube::core::Status) -> Status {
    let code = StatusCode::from_u16(refused.code).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
    let status = Status::new(code, known(&REASONS, &refused.reason), refused.message.clone());
    let Some(details) = &refused.details else { return status };
    let cause = |cause: &StatusCause| Cause {
        reason: known(&CAUSES, &cause.reason),
        message: cause.message.clone(),
        field: cause.field.clone(),
    };
    status.with_details(Details {
        name: details.name.clone(),
        group: details.group.clone(),
        kind: details.kind.clone(),
        causes: details.causes.iter().map(cause).collect(),
        retry_after_seconds: None,
    })
}

/// The reason of that name. A webhook may make up another, which is left out: ours are a closed set.
fn known(reasons: &[&'static str], name: &str) -> &'static str {
    reasons.iter().find(|reason| **reason == name).copied().unwrap_or_default()
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
