//! An OpenAPI document, reduced to what clients work with: which operations there are, with which parameters and media
//! types, and which kinds. Descriptions, the order of things and the names of definitions are each
//! author's own.
use serde_json::{Map, Value, json};

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
    json!({ "operations": operations })
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
