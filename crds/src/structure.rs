//! What the schema of a kind says of a raw object: required fields, types, listed values.
//!
//! kube-apiserver asks the same at each write. Here it is asked of objects that etcd holds from before the schema and
//! that do not decode: a decoder stops at the first error and does not say in which field it was.
use crate::{
    manifests,
    rules::{FieldError, Violations},
};
use jiff::Timestamp;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::Resource;
use serde_json::{Value, json};

/// An object of that kind with nothing but this spec, to be asked about.
pub fn with_spec<K: Resource<DynamicType = ()>>(spec: &Value) -> Value {
    json!({ "apiVersion": K::api_version(&()), "kind": K::kind(&()), "spec": spec })
}

/// Everything in `object` that the schema of its kind and version does not allow; empty for a kind that is not ours.
pub fn violations(object: &Value) -> Vec<FieldError> {
    let mut found = Violations::default();
    if let Some(schema) = manifests::all().iter().find_map(|definition| schema_of(definition, object)) {
        judge(&mut found, schema, object, "");
    }
    found.into_vec()
}

/// What every object has, whatever its schema says.
const OF_ALL: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// Every field of `object` that its kind does not have, by its path; kube-apiserver drops them, and warns of each.
pub fn unknown_fields(object: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let kinds = manifests::all();
    let schema = kinds.iter().find_map(|definition| schema_of(definition, object));
    let (Some(schema), Some(fields)) = (schema, object.as_object()) else { return found };
    for (name, value) in fields.iter().filter(|(name, _)| !OF_ALL.contains(&name.as_str())) {
        match schema_of_field(schema, name) {
            Some(schema) => unknown(&mut found, schema, value, name),
            None => found.push(name.clone()),
        }
    }
    found
}

fn unknown(found: &mut Vec<String>, schema: &JSONSchemaProps, value: &Value, path: &str) {
    match (value, &schema.items) {
        (Value::Object(fields), _)
            if schema.properties.is_some() || schema.additional_properties.is_some() =>
        {
            for (name, value) in fields {
                let path = field(path, name);
                match schema_of_field(schema, name) {
                    Some(schema) => unknown(found, schema, value, &path),
                    None => found.push(path),
                }
            }
        }
        (Value::Array(items), Some(JSONSchemaPropsOrArray::Schema(schema))) => {
            for (index, item) in items.iter().enumerate() {
                unknown(found, schema, item, &format!("{path}[{index}]"));
            }
        }
        _ => {}
    }
}

fn schema_of<'a>(definition: &'a CustomResourceDefinition, object: &Value) -> Option<&'a JSONSchemaProps> {
    let (group, version) = object["apiVersion"].as_str()?.split_once('/')?;
    let spec = &definition.spec;
    if spec.group != group || Some(spec.names.kind.as_str()) != object["kind"].as_str() {
        return None;
    }
    let version = spec.versions.iter().find(|known| known.name == version)?;
    version.schema.as_ref()?.open_api_v3_schema.as_ref()
}

fn judge(found: &mut Violations, schema: &JSONSchemaProps, value: &Value, path: &str) {
    if let Some(wanted) = schema.type_.as_deref().filter(|wanted| !is_a(value, wanted)) {
        return found.invalid_type(path, value, &format!("must be {}", with_article(wanted)));
    }
    match value {
        Value::Object(fields) => {
            for name in schema.required.iter().flatten() {
                if fields.get(name).is_none_or(Value::is_null) {
                    found.required(&field(path, name), "must be set");
                }
            }
            // Null is what an absent field is.
            for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
                if let Some(schema) = schema_of_field(schema, name) {
                    judge(found, schema, value, &field(path, name));
                }
            }
        }
        Value::Array(items) => {
            if let Some(JSONSchemaPropsOrArray::Schema(schema)) = &schema.items {
                for (index, item) in items.iter().enumerate() {
                    judge(found, schema, item, &format!("{path}[{index}]"));
                }
            }
        }
        Value::String(text) => judge_text(found, schema, text, path),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn schema_of_field<'a>(schema: &'a JSONSchemaProps, name: &str) -> Option<&'a JSONSchemaProps> {
    let named = schema.properties.as_ref().and_then(|fields| fields.get(name));
    named.or(match &schema.additional_properties {
        Some(JSONSchemaPropsOrBool::Schema(any)) => Some(any),
        _ => None,
    })
}

fn judge_text(found: &mut Violations, schema: &JSONSchemaProps, text: &str, path: &str) {
    let listed: Vec<&str> = schema.enum_.iter().flatten().filter_map(|listed| listed.0.as_str()).collect();
    if !listed.is_empty() && !listed.contains(&text) {
        found.not_supported(path, text, &listed);
    }
    if schema.format.as_deref() == Some("date-time") && text.parse::<Timestamp>().is_err() {
        found.invalid(path, text, "must be a time such as 2006-01-02T15:04:05Z");
    }
}

fn is_a(value: &Value, wanted: &str) -> bool {
    match wanted {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64(),
        "number" => value.is_number(),
        _ => true,
    }
}

fn with_article(type_: &str) -> String {
    let article = if type_.starts_with(['a', 'i', 'o']) { "an" } else { "a" };
    format!("{article} {type_}")
}

fn field(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of an object with these fields beside the usual ones.
    fn said(fields: &Value) -> Vec<String> {
        let mut object = json!({
            "apiVersion": "source.flux.oddkin.co/v1alpha1",
            "kind": "ExternalSource",
            "metadata": { "name": "podinfo" },
        });
        let all = object.as_object_mut().unwrap();
        all.extend(fields.as_object().unwrap().clone());
        violations(&object).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_field_that_does_not_exist_is_named() {
        let mut object = with_http(&json!({ "url": "https://a/", "unpak": "Always", "expectedJSON": [
            { "pointer": "/a", "equals": { "any": "thing" } }, { "pionter": "/b" },
        ] }));
        object["apiVersion"] = "source.flux.oddkin.co/v1alpha1".into();
        object["kind"] = "ExternalSource".into();
        object["spec"]["intervall"] = "1m".into();
        let expected =
            ["spec.generator.http.expectedJSON[1].pionter", "spec.generator.http.unpak", "spec.intervall"];
        assert_eq!(unknown_fields(&object), expected);
    }

    fn with_http(http: &Value) -> Value {
        json!({ "spec": { "interval": "1m", "generator": { "type": "http", "http": http } } })
    }

    #[test]
    fn every_field_of_a_wrong_type_is_named_with_what_it_is_and_should_be() {
        let http = json!({ "url": 7, "insecureSkipVerify": "yes", "expectedStatus": [200, 1.5, "x"] });
        assert_eq!(
            said(&with_http(&http)),
            [
                "spec.generator.http.expectedStatus[1]: Invalid value: 1.5: must be an integer",
                "spec.generator.http.expectedStatus[2]: Invalid value: string: must be an integer",
                "spec.generator.http.insecureSkipVerify: Invalid value: string: must be a boolean",
                "spec.generator.http.url: Invalid value: 7: must be a string",
            ]
        );
        let spec = json!({ "spec": { "interval": { "a": 1 }, "generator": [1, 2] } });
        assert_eq!(
            said(&spec),
            [
                "spec.generator: Invalid value: array: must be an object",
                "spec.interval: Invalid value: object: must be a string",
            ]
        );
    }

    #[test]
    fn what_is_missing_is_named_itself() {
        assert_eq!(said(&json!({})), ["spec: Required value: must be set"]);
        assert_eq!(said(&json!({ "spec": null })), ["spec: Required value: must be set"]);
        assert_eq!(
            said(&json!({ "spec": { "generator": { "http": {} } } })),
            [
                "spec.interval: Required value: must be set",
                "spec.generator.type: Required value: must be set",
                "spec.generator.http.url: Required value: must be set",
            ]
        );
    }

    #[test]
    fn listed_values_and_times_are_known() {
        let mut object = with_http(&json!({ "url": "https://example.com", "unpack": "Sometimes" }));
        object["status"] = json!({ "nextFetchTime": "tomorrow", "artifact": { "metadata": { "a": 1 } } });
        assert_eq!(
            said(&object),
            [
                r#"spec.generator.http.unpack: Unsupported value: "Sometimes": supported values: "Never", "Auto", "Always""#,
                "status.artifact.metadata.a: Invalid value: 1: must be a string",
                r#"status.nextFetchTime: Invalid value: "tomorrow": must be a time such as 2006-01-02T15:04:05Z"#,
            ]
        );
    }

    #[test]
    fn a_good_object_and_one_of_another_kind_have_nothing_wrong() {
        assert_eq!(said(&with_http(&json!({ "url": "https://example.com", "body": null }))), [""; 0]);
        assert_eq!(violations(&json!({ "apiVersion": "v1", "kind": "Secret", "data": 7 })), []);
    }
}
