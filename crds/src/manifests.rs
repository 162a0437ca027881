//! The CRDs as users apply them: what `postern crds` prints and `crds/manifests` holds.
use crate::ExternalSource;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;
use serde::ser::Error as _;
use serde_saphyr::ser::Error;

/// Every CRD of ours, in the order of their names.
pub fn all() -> Vec<CustomResourceDefinition> {
    vec![finished(ExternalSource::crd())]
}

/// All CRDs as one YAML stream.
///
/// # Errors
/// A definition that YAML cannot hold; a unit test shows that there is none.
pub fn yaml() -> Result<String, Error> {
    let mut text = String::new();
    for definition in all() {
        text.push_str("---\n");
        // By way of JSON, whose keys are sorted: the definition's many types do without code for YAML.
        let document = serde_json::to_value(definition).map_err(Error::custom)?;
        text.push_str(&serde_saphyr::to_string(&document)?);
    }
    Ok(text)
}

/// What the derive cannot say: an optional field may be absent, but never null; nobody fills in a status but us; and a
/// paragraph is one line, since `kubectl explain` breaks lines by itself.
fn finished(mut definition: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut definition.spec.versions {
        if let Some(schema) = version.schema.as_mut().and_then(|s| s.open_api_v3_schema.as_mut()) {
            each(schema, &finish);
            if let Some(status) = schema.properties.as_mut().and_then(|fields| fields.get_mut("status")) {
                each(status, &|schema| schema.default = None);
            }
        }
    }
    definition
}

fn finish(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    say_what_conditions_are(schema);
    schema.description = schema.description.take().map(|text| joined(&text));
}

/// The type of conditions comes from Kubernetes, and its words are written for Go programmers.
fn say_what_conditions_are(schema: &mut JSONSchemaProps) {
    const WORDS: [(&str, &str); 6] = [
        ("type", "What the condition is about, such as Ready."),
        ("status", "Whether it holds: True, False or Unknown."),
        ("reason", "Why, in one word that programs can compare. The words are API and never change."),
        ("message", "Why, in a sentence for people."),
        ("observedGeneration", "The generation of the spec that the condition speaks of."),
        ("lastTransitionTime", "Since when the status is what it is."),
    ];
    let Some(fields) = schema.properties.as_mut() else { return };
    if WORDS.iter().any(|(name, _)| !fields.contains_key(*name)) {
        return;
    }
    for (name, words) in WORDS {
        if let Some(field) = fields.get_mut(name) {
            field.description = Some(words.to_owned());
        }
    }
    schema.description = Some("One aspect of how the source is.".to_owned());
}

/// Changes a schema and everything below it.
fn each(schema: &mut JSONSchemaProps, change: &impl Fn(&mut JSONSchemaProps)) {
    change(schema);
    for child in schema.properties.iter_mut().flat_map(|properties| properties.values_mut()) {
        each(child, change);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = schema.items.as_mut() {
        each(items, change);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = schema.additional_properties.as_mut() {
        each(values, change);
    }
}

/// Lines joined within each paragraph.
fn joined(text: &str) -> String {
    let paragraphs =
        text.split("\n\n").map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "));
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_field_is_nullable_and_every_field_is_described() {
        let text = yaml().expect("serializes");
        assert!(
            !text.contains("nullable") && !text.contains("default: ''") && !text.contains("default: \"\""),
            "{text}"
        );
        for definition in all() {
            let schema =
                definition.spec.versions[0].schema.as_ref().and_then(|s| s.open_api_v3_schema.as_ref());
            described(schema.expect("schema"), &definition.spec.names.kind);
        }
    }

    #[test]
    fn a_paragraph_is_one_line() {
        assert_eq!(joined("one\ntwo\n\nthree\n four"), "one two\n\nthree four");
    }

    fn described(schema: &JSONSchemaProps, path: &str) {
        assert!(schema.description.is_some(), "{path} has no description");
        for (name, child) in schema.properties.iter().flatten() {
            described(child, &format!("{path}.{name}"));
        }
        // `kubectl explain` shows the fields of an item, and no description of the item itself.
        if let Some(JSONSchemaPropsOrArray::Schema(item)) = &schema.items {
            for (name, child) in item.properties.iter().flatten() {
                described(child, &format!("{path}[].{name}"));
            }
        }
    }
}
