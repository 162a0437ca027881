//! Version v1beta1 of `wardle.example.com`, which is also how flunders are kept.
use extension_apiserver::{object::Object, table::Column};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::created_at;

/// An example type with a spec and a status.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[kube(
    group = "wardle.example.com",
    version = "v1beta1",
    kind = "Flunder",
    namespaced,
    no_spec,
    status = "FlunderStatus"
)]
#[kube(doc = "An example type with a spec and a status.")]
pub struct FlunderFields {
    /// What it refers to.
    #[serde(default)]
    pub spec: FlunderSpec,
}

/// The specification of a Flunder.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct FlunderSpec {
    /// A name of another flunder, mutually exclusive to the FischerReference.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub flunder_reference: String,
    /// A name of a fischer, mutually exclusive to the FlunderReference.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub fischer_reference: String,
    /// The reference type.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reference_type: String,
}

/// The status of a Flunder.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
pub struct FlunderStatus {}

impl Object for Flunder {
    fn set_defaults(&mut self) {
        self.status.get_or_insert_default();
    }

    fn columns() -> Vec<Column<Self>> {
        vec![Column::name(), created_at()]
    }
}
