//! What has to change so that Flux sees what it should. Pure.
use crate::{
    external_source::flux::{Published, origin},
    reconcile::Failure,
};
use crds::{
    ExternalArtifact, ExternalSource,
    conditions::{self, READY, Said},
    external_artifact::{ExternalArtifactSpec, ExternalArtifactStatus, FluxArtifact},
    external_source::Artifact,
    reasons,
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Resource, ResourceExt};
use serde_json::{Value, json};

/// What is to be published.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Wanted<'a> {
    pub source: &'a ExternalSource,
    pub artifact: &'a Artifact,
    pub verdict: Verdict<'a>,
    pub now: Timestamp,
}

impl Wanted<'_> {
    /// Whether the change only follows from something that is gone: the artifact that was published before this pass, or
    /// what keeps the source well.
    pub(super) fn is_loss(&self, change: &Change) -> bool {
        match change {
            Change::Create(_) => self.source.status.as_ref().is_some_and(|status| status.artifact.is_some()),
            Change::Status(_) => !self.verdict.ready,
            Change::Nothing | Change::Taken(_) | Change::Origin(_) => false,
        }
    }
}

/// Whether the source is well, and why.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Verdict<'a> {
    pub ready: bool,
    pub reason: &'a str,
    pub message: &'a str,
}

/// The next thing to write.
#[derive(Debug, PartialEq)]
pub(super) enum Change {
    /// All is as it should be.
    Nothing,
    /// It belongs to somebody else, in words.
    Taken(String),
    /// There is none.
    Create(Box<ExternalArtifact>),
    /// Its spec or its owner was altered.
    Origin(Value),
    /// Its status is another.
    Status(Value),
}

pub(super) fn change(wanted: &Wanted<'_>, found: Option<&Published>) -> Change {
    let Some(found) = found else { return Change::Create(Box::new(created(wanted.source))) };
    if let Some(why) = found.taken_from(wanted.source) {
        return Change::Taken(why);
    }
    // What is on its way out cannot be kept; once it is gone there will be another.
    if found.0.meta().deletion_timestamp.is_some() {
        return Change::Nothing;
    }
    let known = found.0.0.as_ref().ok();
    let whole = created(wanted.source);
    if known.is_none_or(|known| known.spec != whole.spec || !is_owned(known, wanted.source)) {
        return Change::Origin(apply(
            found,
            json!({
                "metadata": { "ownerReferences": whole.metadata.owner_references },
                "spec": whole.spec,
            }),
        ));
    }
    let before = known.and_then(|known| known.status.clone()).unwrap_or_default();
    let after = status(wanted, &before, found.0.meta().generation);
    if after == before { Change::Nothing } else { Change::Status(apply(found, json!({ "status": after }))) }
}

/// Somebody else's object is in the way.
pub(in super::super) fn name_taken(name: &str, why: &str) -> Failure {
    let message =
        format!("ExternalArtifact {name} {why} and is left alone; rename this source, or remove that object");
    Failure::stalled(reasons::NAME_TAKEN, message)
}

fn created(source: &ExternalSource) -> ExternalArtifact {
    let spec = ExternalArtifactSpec { source_ref: Some(origin(source)) };
    let mut artifact = ExternalArtifact::new(&source.name_any(), spec);
    artifact.metadata.namespace = source.namespace();
    artifact.metadata.owner_references = Some(vec![owner(source)]);
    artifact
}

/// Whether the owner is among the owners; others may have added theirs.
fn is_owned(known: &ExternalArtifact, source: &ExternalSource) -> bool {
    let expected = owner(source);
    let is_expected = |found: &OwnerReference| {
        OwnerReference { block_owner_deletion: expected.block_owner_deletion, ..found.clone() } == expected
    };
    known.owner_references().iter().any(is_expected)
}

/// Without `blockOwnerDeletion`: a source must not wait for Flux to let go of its artifact.
fn owner(source: &ExternalSource) -> OwnerReference {
    OwnerReference {
        api_version: ExternalSource::api_version(&()).into_owned(),
        kind: ExternalSource::kind(&()).into_owned(),
        name: source.name_any(),
        uid: source.uid().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: None,
    }
}

fn status(
    wanted: &Wanted<'_>,
    before: &ExternalArtifactStatus,
    generation: Option<i64>,
) -> ExternalArtifactStatus {
    let Artifact { path, url, revision, digest, last_update_time, size, metadata, .. } =
        wanted.artifact.clone();
    let mut conditions = before.conditions.clone();
    conditions.retain(|condition| condition.type_ == READY);
    let Verdict { ready, reason, message } = wanted.verdict;
    let said =
        Said { type_: READY, status: ready, reason: contract_reason(ready, reason), message: message.into() };
    conditions::set(&mut conditions, said, generation, wanted.now);
    ExternalArtifactStatus {
        artifact: Some(FluxArtifact { path, url, revision, digest, last_update_time, size, metadata }),
        conditions,
    }
}

/// The contract of ExternalArtifact knows four reasons.
fn contract_reason(ready: bool, reason: &str) -> &'static str {
    match reason {
        _ if ready => reasons::SUCCEEDED,
        reasons::STORE_FULL
        | reasons::STORE_READ_ONLY
        | reasons::STORE_ACCESS_DENIED
        | reasons::STORAGE_OPERATION_FAILED => reasons::STORAGE_OPERATION_FAILED,
        reasons::DIGEST_MISMATCH | reasons::VERIFICATION_ERROR => "VerificationFailed",
        _ => "FetchFailed",
    }
}

/// An apply that lands on no other object than `found`.
fn apply(found: &Published, mut body: Value) -> Value {
    body["apiVersion"] = json!(ExternalArtifact::api_version(&()));
    body["kind"] = json!(ExternalArtifact::kind(&()));
    body["metadata"]["name"] = json!(found.0.name_any());
    body["metadata"]["uid"] = json!(found.0.uid());
    body
}

#[cfg(test)]
mod tests;
