//! Publishes an artifact as Flux's `ExternalArtifact`. [`plan`] says what has to change; here it is written.
mod plan;

pub(super) use plan::{Verdict, Wanted, name_taken};

use super::{
    ExternalSources,
    flux::{GuardedArtifact, Published},
};
use crate::{
    FIELD_MANAGER,
    reconcile::{Failure, Retry, is_conflict, is_in_vain, is_leaving, params, returned},
};
use artifacts::failpoint::{Step, reached};
use crds::{Decoded, ExternalArtifact, reasons};
use kube::{
    Api, ResourceExt,
    api::{Patch, PostParams},
};
use plan::Change;
use std::sync::Arc;

/// A new artifact takes a create, a status, and a look whether that is all; each conflict takes one more.
const STEPS: usize = 6;

/// Makes what is published equal to what is wanted. False: there is no such kind, or it is just going.
pub(super) async fn publish(sources: &ExternalSources, wanted: &Wanted<'_>) -> Result<bool, Failure> {
    let (namespace, name) = (wanted.source.namespace().unwrap_or_default(), wanted.source.name_any());
    let api: Api<GuardedArtifact> = Api::namespaced(sources.client.clone(), &namespace);
    let failed =
        |error: kube::Error| Failure::kubernetes(format_args!("publish ExternalArtifact {name}"), &error);
    let mut found = sources.flux.find(wanted.source);
    for _ in 0..STEPS {
        let written = match plan::change(wanted, found.as_ref()) {
            Change::Nothing => return Ok(true),
            Change::Taken(why) => return Err(name_taken(&name, &why)),
            // It may have gone with its namespace.
            change if wanted.is_loss(&change) && is_leaving(&sources.client, &namespace).await => {
                return Ok(true);
            }
            // Not an apply: what somebody else made in between must not be touched.
            Change::Create(artifact) => {
                let api: Api<ExternalArtifact> = Api::namespaced(sources.client.clone(), &namespace);
                let created = api.create(&creation(), &artifact).await;
                reached(Step::Introduced);
                created
            }
            Change::Origin(body) => returned(api.patch(&name, &params(), &Patch::Apply(body)).await),
            Change::Status(body) => returned(api.patch_status(&name, &params(), &Patch::Apply(body)).await),
        };
        found = match written {
            Ok(artifact) => {
                sources.flux.wrote(artifact.clone());
                Some(Published(Arc::new(Decoded(Ok(artifact)))))
            }
            // The watch has not shown yet what is there: look for ourselves.
            Err(error) if is_conflict(&error) => {
                api.get_opt(&name).await.map_err(failed)?.map(|found| Published(Arc::new(found)))
            }
            // The source goes as well, and has nothing to say any more.
            Err(error) if is_in_vain(&error) => return Ok(true),
            Err(error) if is_without_kind(&error) => return Ok(false),
            Err(error) => return Err(failed(error)),
        };
    }
    Err(Failure {
        retry: Retry::Soon,
        ..Failure::stalled(
            reasons::KUBERNETES_ERROR,
            format!("somebody else keeps changing ExternalArtifact {name}"),
        )
    })
}

/// Whether the API knows no such kind, or knows that it is being removed.
fn is_without_kind(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if matches!(status.code, 404 | 405))
}

fn creation() -> PostParams {
    PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() }
}
