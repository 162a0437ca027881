//! Version v1alpha1 of `wardle.example.com`: flunders with one reference instead of two, and fischers.
use crate::{
    created_at,
    v1beta1::{self, FlunderStatus},
};
use extension_apiserver::{object::Object, table::Column};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The reference type that is meant where none is given.
pub const FLUNDER: &str = "Flunder";
/// The other reference type.
pub const FISCHER: &str = "Fischer";

/// An example type with a spec and a status.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[kube(
    group = "wardle.example.com",
    version = "v1alpha1",
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

/// What a flunder refers to.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct FlunderSpec {
    /// A name of another flunder or fischer, depending on the reference type.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reference: String,
    /// The reference type, defaults to "Flunder" if reference is set.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reference_type: String,
}

/// A list of names that flunders must not have.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[kube(group = "wardle.example.com", version = "v1alpha1", kind = "Fischer", no_spec)]
#[kube(doc = "An example type with a list of names that flunders must not have.")]
#[serde(rename_all = "camelCase")]
pub struct FischerFields {
    /// DisallowedFlunders holds a list of Flunder.Names that are disallowed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disallowed_flunders: Vec<String>,
}

impl Object for Flunder {
    const DEPRECATION: Option<&'static str> =
        Some("wardle.example.com/v1alpha1 Flunder is deprecated in v1.3+, unavailable in v1.10+");

    fn set_defaults(&mut self) {
        let FlunderSpec { reference, reference_type } = &mut self.spec.spec;
        if !reference.is_empty() && reference_type.is_empty() {
            *reference_type = FLUNDER.to_owned();
        }
        self.status.get_or_insert_default();
    }

    fn columns() -> Vec<Column<Self>> {
        vec![Column::name(), created_at()]
    }
}

impl Object for Fischer {
    const DEPRECATION: Option<&'static str> =
        Some("wardle.example.com/v1alpha1 Fischer is deprecated in v1.3+, unavailable in v1.10+");

    fn columns() -> Vec<Column<Self>> {
        vec![Column::name(), created_at()]
    }
}

impl From<v1beta1::Flunder> for Flunder {
    fn from(kept: v1beta1::Flunder) -> Self {
        let v1beta1::FlunderSpec { flunder_reference, fischer_reference, reference_type } = kept.spec.spec;
        let reference = match reference_type.as_str() {
            FLUNDER => flunder_reference,
            FISCHER => fischer_reference,
            // Nothing else can be said in this version.
            _ => String::new(),
        };
        let spec = FlunderSpec { reference, reference_type };
        Self { metadata: kept.metadata, spec: FlunderFields { spec }, status: kept.status }
    }
}

impl From<Flunder> for v1beta1::Flunder {
    fn from(shown: Flunder) -> Self {
        let spec = kept(shown.spec.spec);
        Self { metadata: shown.metadata, spec: v1beta1::FlunderFields { spec }, status: shown.status }
    }
}

/// Of a type that is neither, nothing is kept, as in Go.
fn kept(FlunderSpec { reference, reference_type }: FlunderSpec) -> v1beta1::FlunderSpec {
    let empty = v1beta1::FlunderSpec::default();
    match reference_type.as_str() {
        FLUNDER => v1beta1::FlunderSpec { flunder_reference: reference, reference_type, ..empty },
        FISCHER => v1beta1::FlunderSpec { fischer_reference: reference, reference_type, ..empty },
        _ => empty,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(reference: &str, reference_type: &str) -> FlunderSpec {
        FlunderSpec { reference: reference.to_owned(), reference_type: reference_type.to_owned() }
    }

    #[test]
    fn a_reference_without_a_type_is_one_to_a_flunder() {
        for (given, meant) in [("", FLUNDER), (FISCHER, FISCHER)] {
            let mut flunder = Flunder::new("one", FlunderFields { spec: spec("a", given) });
            flunder.set_defaults();
            assert_eq!(flunder.spec.spec, spec("a", meant));
        }
        assert_eq!(kept(spec("a", FISCHER)).fischer_reference, "a");
    }

    #[test]
    fn a_type_that_does_not_exist_takes_the_reference_along() {
        assert_eq!(kept(spec("a", "Other")), v1beta1::FlunderSpec::default());
    }

    #[test]
    fn what_is_kept_is_shown_again() {
        for shown in [spec("a", FLUNDER), spec("a", FISCHER), spec("", "")] {
            let flunder = Flunder::new("one", FlunderFields { spec: shown });
            let kept = v1beta1::Flunder::from(flunder.clone());
            assert_eq!(Flunder::from(kept).spec, flunder.spec);
        }
    }
}
