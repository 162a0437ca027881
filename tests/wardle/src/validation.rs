//! What a flunder must be like, in the words of k8s.io/sample-apiserver.
use crate::{
    v1alpha1::{FISCHER, FLUNDER},
    v1beta1::FlunderSpec,
};
use extension_apiserver::status::Cause;

/// Everything that is wrong with it.
pub fn violations(spec: &FlunderSpec) -> Vec<Cause> {
    let FlunderSpec { flunder_reference: flunder, fischer_reference: fischer, reference_type } = spec;
    let is = |wanted: &str| reference_type == wanted;
    let reference = match (flunder.as_str(), fischer.as_str()) {
        ("", "") if is(FISCHER) => {
            Some(("fischerReference", "", "cannot be empty if referenceType is Fischer"))
        }
        ("", "") if is(FLUNDER) => {
            Some(("flunderReference", "", "cannot be empty if referenceType is Flunder"))
        }
        ("", fischer) if !fischer.is_empty() && !is(FISCHER) => {
            Some(("fischerReference", fischer, "cannot be set if referenceType is not Fischer"))
        }
        (flunder, "") if !flunder.is_empty() && !is(FLUNDER) => {
            Some(("flunderReference", flunder, "cannot be set if referenceType is not Flunder"))
        }
        (flunder, fischer) if !flunder.is_empty() && !fischer.is_empty() => {
            Some(("fischerReference", fischer, "cannot be set with flunderReference at the same time"))
        }
        _ => None,
    };
    let known = reference_type.is_empty() || is(FLUNDER) || is(FISCHER);
    let kind = (!known).then_some(("referenceType", reference_type.as_str(), "must be Flunder or Fischer"));
    reference.into_iter().chain(kind).map(|(field, value, why)| invalid(field, value, why)).collect()
}

fn invalid(field: &str, value: &str, why: &str) -> Cause {
    Cause {
        reason: "FieldValueInvalid",
        message: format!("Invalid value: {value:?}: {why}"),
        field: format!("spec.{field}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(flunder: &str, fischer: &str, kind: &str) -> Vec<String> {
        let [flunder_reference, fischer_reference, reference_type] =
            [flunder, fischer, kind].map(str::to_owned);
        let spec = FlunderSpec { flunder_reference, fischer_reference, reference_type };
        violations(&spec).into_iter().map(|cause| format!("{}: {}", cause.field, cause.message)).collect()
    }

    #[test]
    fn a_reference_and_its_type_belong_together() {
        for (flunder, fischer, kind) in [("", "", ""), ("a", "", FLUNDER), ("", "a", FISCHER)] {
            assert_eq!(told(flunder, fischer, kind), Vec::<String>::new());
        }
        let set = "cannot be set if referenceType is not";
        assert_eq!(
            told("a", "", ""),
            [format!(r#"spec.flunderReference: Invalid value: "a": {set} Flunder"#)]
        );
        assert_eq!(
            told("", "a", ""),
            [format!(r#"spec.fischerReference: Invalid value: "a": {set} Fischer"#)]
        );
        let both = "cannot be set with flunderReference at the same time";
        assert_eq!(
            told("a", "b", FISCHER),
            [format!(r#"spec.fischerReference: Invalid value: "b": {both}"#)]
        );
        let empty = "cannot be empty if referenceType is";
        assert_eq!(
            told("", "", FISCHER),
            [format!(r#"spec.fischerReference: Invalid value: "": {empty} Fischer"#)]
        );
        assert_eq!(
            told("", "", FLUNDER),
            [format!(r#"spec.flunderReference: Invalid value: "": {empty} Flunder"#)]
        );
    }

    #[test]
    fn every_violation_is_told() {
        let told = told("a", "", "Other");
        assert_eq!(told.len(), 2, "{told:?}");
        assert_eq!(told[1], r#"spec.referenceType: Invalid value: "Other": must be Flunder or Fischer"#);
    }
}
