//! OpenAPI v2: all versions in one document, for clients of before v3 and for kube-apiserver, which asks every minute.
//!
//! Made from the v3 documents, so that both always say the same: references point elsewhere, parameters carry their type
//! themselves, a body is a parameter, and media types stand beside the schema. What v2 cannot say is left out.
use super::{Written, info, written};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Keywords that v2 does not have.
const ONLY_V3: [&str; 5] = ["anyOf", "oneOf", "not", "nullable", "default"];

const METHODS: [&str; 7] = ["get", "put", "post", "delete", "options", "head", "patch"];

/// The document that says what the v3 documents say.
#[derive(Serialize)]
pub(super) struct Version2 {
    definitions: Written,
    info: Value,
    paths: Written,
    swagger: &'static str,
}

impl Default for Version2 {
    fn default() -> Self {
        Self { definitions: Written::new(), info: info(), paths: Written::new(), swagger: "2.0" }
    }
}

impl Version2 {
    /// Learns of a path what a v3 document says.
    pub(super) fn path(&mut self, path: String, item: Value) {
        self.paths.insert(path, written(&path_item(item)));
    }

    /// Learns of a schema what a v3 document says.
    pub(super) fn definition(&mut self, name: String, schema: &Value) {
        self.definitions.insert(name, written(&converted(schema)));
    }
}

fn path_item(mut item: Value) -> Value {
    for method in METHODS {
        if let Some(described) = item.get_mut(method) {
            *described = operation(described);
        }
    }
    if let Some(parameters) = item.get_mut("parameters") {
        *parameters = list(parameters).map(parameter).collect();
    }
    item
}

fn operation(v3: &Value) -> Value {
    let mut parameters: Vec<Value> = list(&v3["parameters"]).map(parameter).collect();
    let mut operation = v3.clone();
    if let Some(body) = v3.get("requestBody") {
        parameters.push(body_parameter(body));
        operation["consumes"] = media_types(&body["content"]);
    }
    let answered = entries(&v3["responses"]).find_map(|(_, response)| response.get("content"));
    operation["produces"] = answered.map_or_else(|| json!([]), media_types);
    operation["schemes"] = json!(["https"]);
    operation["parameters"] = parameters.into();
    operation["responses"] =
        entries(&v3["responses"]).map(|(code, v3)| (code.clone(), response(v3))).collect();
    if let Some(fields) = operation.as_object_mut() {
        fields.remove("requestBody");
    }
    operation
}

/// The type moves from the schema to the parameter itself.
fn parameter(v3: &Value) -> Value {
    let mut parameter = v3.clone();
    let Some(fields) = parameter.as_object_mut() else { return parameter };
    if let Some(schema) = fields.remove("schema") {
        fields.extend(entries(&converted(&schema)).map(|(key, value)| (key.clone(), value.clone())));
    }
    parameter
}

fn body_parameter(body: &Value) -> Value {
    let schema = schema_of(&body["content"]).unwrap_or_else(|| json!({}));
    let mut parameter = json!({"name": "body", "in": "body", "schema": schema});
    if body["required"] == true {
        parameter["required"] = true.into();
    }
    parameter
}

fn response(v3: &Value) -> Value {
    let mut response = json!({"description": v3["description"]});
    if let Some(schema) = schema_of(&v3["content"]) {
        response["schema"] = schema;
    }
    response
}

/// All media types of a body share one schema in v2.
fn schema_of(content: &Value) -> Option<Value> {
    let (_, media) = entries(content).next()?;
    media.get("schema").map(converted)
}

fn media_types(content: &Value) -> Value {
    entries(content).map(|(media_type, _)| media_type.as_str()).collect::<Vec<_>>().into()
}

fn converted(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => object(fields),
        other => other.clone(),
    }
}

fn object(schema: &Map<String, Value>) -> Value {
    let mut fields = Map::new();
    for (key, value) in schema.iter().filter(|(key, _)| !ONLY_V3.contains(&key.as_str())) {
        match (key.as_str(), value) {
            ("allOf", Value::Array(parts)) => fields.extend(reference(parts)),
            ("$ref", Value::String(target)) => drop(fields.insert(key.clone(), definition(target))),
            ("properties", Value::Object(properties)) => {
                let properties = properties.iter().map(|(name, schema)| (name.clone(), converted(schema)));
                fields.insert(key.clone(), Value::Object(properties.collect()));
            }
            ("items" | "additionalProperties", schema) => drop(fields.insert(key.clone(), converted(schema))),
            _ => drop(fields.insert(key.clone(), value.clone())),
        }
    }
    Value::Object(fields)
}

/// v3 wraps a reference to set a description beside it; v2 needs no wrapping.
fn reference(parts: &[Value]) -> Option<(String, Value)> {
    let target = parts.first()?.get("$ref")?.as_str()?;
    Some(("$ref".to_owned(), definition(target)))
}

fn definition(target: &str) -> Value {
    target.replace("#/components/schemas/", "#/definitions/").into()
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_becomes_a_parameter_and_media_types_stand_beside_it() {
        let schema = json!({"$ref": "#/components/schemas/dev.Lamp"});
        let lamps = json!({"post": {
            "operationId": "createLamp",
            "parameters": [{"name": "dryRun", "in": "query", "schema": {"type": "string", "uniqueItems": true}}],
            "requestBody": {"required": true, "content": {"*/*": {"schema": schema}}},
            "responses": {
                "201": {"description": "Created", "content": {"application/json": {"schema": schema}}},
                "401": {"description": "Unauthorized"},
            },
        }});
        let referred = json!({"$ref": "#/definitions/dev.Lamp"});
        assert_eq!(
            path_item(lamps)["post"],
            json!({
                "operationId": "createLamp",
                "consumes": ["*/*"],
                "produces": ["application/json"],
                "schemes": ["https"],
                "parameters": [
                    {"name": "dryRun", "in": "query", "type": "string", "uniqueItems": true},
                    {"name": "body", "in": "body", "required": true, "schema": referred},
                ],
                "responses": {
                    "201": {"description": "Created", "schema": referred},
                    "401": {"description": "Unauthorized"},
                },
            })
        );
    }

    #[test]
    fn schemas_lose_what_only_v3_can_say() {
        let meta = json!({"allOf": [{"$ref": "#/components/schemas/m.ObjectMeta"}], "default": {}, "description": "x"});
        let port =
            json!({"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]});
        let lamp = json!({
            "type": "object",
            "properties": {
                "metadata": meta,
                "default": {"type": "string", "nullable": true},
                "ports": {"type": "array", "items": port},
            },
        });
        assert_eq!(
            converted(&lamp),
            json!({
                "type": "object",
                "properties": {
                    "metadata": {"$ref": "#/definitions/m.ObjectMeta", "description": "x"},
                    "default": {"type": "string"},
                    "ports": {"type": "array", "items": {"x-kubernetes-int-or-string": true}},
                },
            })
        );
    }
}
