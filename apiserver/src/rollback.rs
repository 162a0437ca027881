//! `Rollback`: an earlier revision that is to be published again. Made for the answer, kept nowhere.
pub(crate) mod decide;

use crate::sources::Known;
use crds::conditions::{self, PINNED};
use extension_apiserver::{object::Object, table::Column};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which revision of an ExternalSource is to be published.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[kube(
    group = "subresources.postern.dev",
    version = "v1alpha1",
    kind = "Rollback",
    plural = "rollbacks",
    singular = "rollback",
    namespaced,
    no_spec,
    derive = "PartialEq",
    doc = "Rollback publishes an earlier revision of an ExternalSource again, by its spec.pin, and keeps it published. Whoever asks sends `revision` and nothing else."
)]
#[serde(rename_all = "camelCase", default)]
pub struct Choice {
    /// The stored revision to publish again, whole or as short as tables show it, or 12 or more digits of its digest. Empty, the
    /// pin is taken away, and the newest is published. In an answer it is the whole revision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The revision that is published now, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<String>,
    /// A newer revision that waits, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<String>,
    /// Whether another revision is published than when it was asked for.
    pub changed: bool,
    /// The message of the condition Pinned of the source, for people.
    pub message: String,
}

impl Object for Rollback {
    fn columns() -> Vec<Column<Self>> {
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        vec![
            Column::name(),
            Column::text("Pinned", "The revision that stays published.", move |rollback: &Self| {
                text(&rollback.spec.revision)
            }),
            Column::text("Waiting", "A newer revision that waits.", move |rollback: &Self| {
                text(&rollback.spec.waiting)
            }),
            Column::boolean("Changed", "Whether another one is published than before.", |rollback: &Self| {
                rollback.spec.changed
            }),
            Column::text("Message", "What the controller says of it.", |rollback: &Self| {
                rollback.spec.message.clone()
            })
            .wide(),
        ]
    }
}

/// What has become of the source between these two states.
pub(crate) fn outcome(revision: &str, before: &Known, after: &Known) -> Rollback {
    let status = after.source.status.as_ref();
    let told = status.and_then(|status| conditions::find(&status.conditions, PINNED));
    let spec = Choice {
        revision: Some(revision.to_owned()),
        published: after.revision(),
        waiting: status
            .and_then(|status| status.waiting_artifact.as_ref())
            .map(|waiting| waiting.revision.clone()),
        changed: before.revision() != after.revision(),
        message: told.map(|told| told.message.clone()).unwrap_or_default(),
    };
    Rollback { metadata: after.answered_as(), spec }
}
