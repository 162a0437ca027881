//! An OpenAPI document, reduced to what clients work with: which operations there are, with which parameters and media
//! types, and what the kinds of the group look like. Wordings, the order of things and the names of definitions are each
//! author's own.
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const GROUP: &str = "wardle.example.com";

pub(super) fn is_document(value: &Value) -> bool {
    (value.get("openapi").is_some() || value.get("swagger").is_some()) && value.get("paths").is_some()
}

pub(super) fn of(document: &Value) -> Value {
    let mut operations = Map::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        let shared = parameters(item);
        for method in ["get", "post", "put", "patch", "delete"] {
            let Some(operation) = item.get(method) else { continue };
            operations.insert(format!("{} {path}", method.to_uppercase()), operation_of(operation, &shared));
        }
    }
    json!({ "operations": operations, "schemas": schemas(document) })
}

fn operation_of(operation: &Value, shared: &[String]) -> Value {
    let mut parameters = [shared, &parameters(operation)].concat();
    parameters.sort();
    let keys = |value: &Value| -> Vec<String> {
        value.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect()
    };
    json!({
        "action": operation["x-kubernetes-action"],
        "kind": operation["x-kubernetes-group-version-kind"]["kind"],
        "parameters": parameters,
        "accepts": keys(&operation["requestBody"]["content"]),
        "consumes": operation["consumes"],
        "codes": keys(&operation["responses"]),
    })
}

fn parameters(of: &Value) -> Vec<String> {
    let all = of["parameters"].as_array().into_iter().flatten();
    all.map(|parameter| {
        let named = parameter["name"].as_str().or(parameter["$ref"].as_str()).unwrap_or("?");
        // Go's v2 shares parameters under names with a hash.
        named.trim_start_matches("#/parameters/").split('-').next().unwrap_or_default().to_owned()
    })
    .collect()
}

/// Each kind of the group, by version and name: of every field its type, whether it must be there, and whether it is
/// described.
fn schemas(document: &Value) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut kinds = BTreeMap::new();
    for schema in definitions(document).into_iter().flat_map(Map::values) {
        if let Some(kind) = kind(schema) {
            let mut fields = BTreeMap::new();
            describe(document, schema, "", &mut fields);
            kinds.insert(kind, fields);
        }
    }
    kinds
}

fn definitions(document: &Value) -> Option<&Map<String, Value>> {
    document.pointer("/components/schemas").or(document.get("definitions"))?.as_object()
}

/// Version and name, if it is the schema of a kind of the group. What every group has, such as DeleteOptions, says so of all.
fn kind(schema: &Value) -> Option<String> {
    let [kind] = schema["x-kubernetes-group-version-kind"].as_array()?.as_slice() else { return None };
    let text = |field: &str| kind[field].as_str();
    (text("group")? == GROUP).then_some(format!("{} {}", text("version")?, text("kind")?))
}

/// Adds the fields below a schema, each with its path. Another kind is only named.
fn describe(document: &Value, schema: &Value, path: &str, fields: &mut BTreeMap<String, String>) {
    let required: Vec<_> = schema["required"].as_array().into_iter().flatten().collect();
    let properties = schema["properties"].as_object().into_iter().flatten();
    let mut below: Vec<_> = properties
        .map(|(name, property)| {
            (format!("{path}.{name}"), property, required.contains(&&name.as_str().into()))
        })
        .collect();
    below.extend(schema.get("items").map(|items| (format!("{path}[]"), items, false)));
    below.extend(schema.get("additionalProperties").map(|values| (format!("{path}{{}}"), values, false)));
    for (path, given, is_required) in below {
        let schema = followed(document, given);
        let mut words = vec![kind(schema).or(schema["type"].as_str().map(str::to_owned)).unwrap_or_default()];
        words.extend(schema["format"].as_str().map(str::to_owned));
        words.extend(is_required.then(|| "required".to_owned()));
        let is_described = given.get("description").or(schema.get("description")).is_some();
        words.extend(is_described.then(|| "described".to_owned()));
        fields.insert(path.trim_start_matches('.').to_owned(), words.join(", "));
        if kind(schema).is_none() {
            describe(document, schema, &path, fields);
        }
    }
}

/// The schema that is meant, which may be elsewhere.
fn followed<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let reference = schema["$ref"].as_str().or(schema["allOf"][0]["$ref"].as_str());
    let name = reference.and_then(|reference| reference.rsplit('/').next());
    let meant = name.and_then(|name| definitions(document)?.get(name));
    meant.unwrap_or(schema)
}

#[test]
fn a_kind_is_told_field_by_field() {
    let document = json!({ "definitions": {
        "a": {
            "x-kubernetes-group-version-kind": [{ "group": GROUP, "version": "v1", "kind": "A" }],
            "required": ["spec"],
            "properties": { "spec": { "description": "Wanted.", "$ref": "#/definitions/spec" } },
        },
        "spec": { "type": "object", "properties": { "names": { "type": "array", "items": { "type": "string" } } } },
    } });
    let fields =
        [("spec", "object, required, described"), ("spec.names", "array"), ("spec.names[]", "string")];
    assert_eq!(json!(schemas(&document)), json!({ "v1 A": BTreeMap::from(fields) }));
}
