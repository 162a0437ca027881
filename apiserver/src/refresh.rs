//! `Refresh`: what the pass that somebody waited for has come to. Made for the answer, kept nowhere.
pub(crate) mod decide;

use crate::sources::Known;
use crds::conditions::{self, READY};
use extension_apiserver::{object::Object, table::Column};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The outcome of a pass over an ExternalSource.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[kube(
    group = "subresources.postern.dev",
    version = "v1alpha1",
    kind = "Refresh",
    plural = "refreshes",
    singular = "refresh",
    namespaced,
    no_spec,
    derive = "PartialEq",
    doc = "Refresh asks for a pass over an ExternalSource right now, and tells what it has come to. Whoever asks sends nothing, or an object without fields."
)]
#[serde(rename_all = "camelCase", default)]
pub struct Pass {
    /// The value of the annotation `reconcile.fluxcd.io/requestedAt` that the pass has answered.
    pub requested_at: String,
    /// `True` if the pass went well, `False` if not, as the condition Ready of the source says.
    pub ready: String,
    /// The reason of that condition.
    pub reason: String,
    /// Its message, for people.
    pub message: String,
    /// The revision that is published now, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Whether another revision is published than when the refresh was asked for.
    pub changed: bool,
}

impl Object for Refresh {
    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::name(),
            Column::text("Ready", "Whether the pass went well.", |refresh: &Self| refresh.spec.ready.clone()),
            Column::text("Reason", "Why, in a word.", |refresh: &Self| refresh.spec.reason.clone()),
            Column::text("Revision", "The revision that is published now.", |refresh: &Self| {
                refresh.spec.revision.clone()
            }),
            Column::boolean("Changed", "Whether it is another one than before.", |refresh: &Self| {
                refresh.spec.changed
            }),
            Column::text("Message", "Why, in words.", |refresh: &Self| refresh.spec.message.clone()).wide(),
        ]
    }
}

/// What the pass between these two states has come to.
pub(crate) fn outcome(before: &Known, after: &Known) -> Refresh {
    let conditions = after.source.status.as_ref().map_or(&[][..], |status| &status.conditions);
    let ready = conditions::find(conditions, READY);
    let text = |field: Option<&String>| field.cloned().unwrap_or_default();
    let spec = Pass {
        requested_at: after.requested.clone().unwrap_or_default(),
        ready: ready.map_or_else(|| "Unknown".to_owned(), |ready| ready.status.clone()),
        reason: text(ready.map(|ready| &ready.reason)),
        message: text(ready.map(|ready| &ready.message)),
        revision: after.revision(),
        changed: before.revision() != after.revision(),
    };
    Refresh { metadata: after.answered_as(), spec }
}
