//! The thin view of a source, so that clients find the parent of `artifact`, `content`, `diff`, `provenance`, `preview`, `refresh` and `rollback` in our group.
use crds::ExternalSource;
use extension_apiserver::object::Object;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Nothing but the name: everything else is in the source itself.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[kube(
    group = "subresources.postern.dev",
    version = "v1alpha1",
    kind = "ExternalSource",
    root = "SourceView",
    plural = "externalsources",
    singular = "externalsource",
    namespaced,
    no_spec,
    derive = "PartialEq",
    doc = "ExternalSource in this group is a view of the ExternalSource in source.flux.oddkin.co: the parent of the subresources `artifact`, `content`, `diff`, `provenance`, `preview`, `refresh` and `rollback`."
)]
pub struct NothingElse {}

impl Object for SourceView {
    const SHORT_NAMES: &'static [&'static str] = &["srcview"];
}

/// The view of one source.
pub fn of(source: &ExternalSource) -> SourceView {
    let metadata = ObjectMeta {
        name: source.metadata.name.clone(),
        namespace: source.metadata.namespace.clone(),
        uid: source.metadata.uid.clone(),
        resource_version: source.metadata.resource_version.clone(),
        creation_timestamp: source.metadata.creation_timestamp.clone(),
        ..ObjectMeta::default()
    };
    SourceView { metadata, spec: NothingElse {} }
}
