//! The schemas of a version's kinds, made structural: no references but to the metadata, no `nullable`.
use super::writes;
use crate::{
    object::Object,
    server::{Described, Kind},
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, ListMeta, ObjectMeta, Status};
use kube::core::schema::{OptionalEnum, OptionalIntOrString, StructuralSchemaRewriter};
use schemars::{JsonSchema, generate::SchemaSettings, transform::AddNullable};
use serde_json::{Map, Value, json};

const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
const LIST_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";

const A_PATCH: &str = "What to change, in the form that the media type names.";

const API_VERSION: &str = "The API group and version that these fields belong to.";
const KIND: &str = "What the object is: the name of its kind, in CamelCase.";
const METADATA: &str = "What every object has: name, namespace, labels and the like.";
const LIST_METADATA: &str = "What every list has: the version that it shows, and where its next page begins.";

/// The schema of a kind, metadata by reference.
pub(crate) fn schema_of<T: Object>() -> Value {
    let mut schema = structural::<T>();
    if !schema["properties"].is_object() {
        schema["properties"] = json!({});
    }
    let properties = &mut schema["properties"];
    properties["apiVersion"] = json!({"type": "string", "description": API_VERSION});
    properties["kind"] = json!({"type": "string", "description": KIND});
    properties["metadata"] = reference(OBJECT_META, METADATA);
    schema["type"] = "object".into();
    schema["x-kubernetes-group-version-kind"] = json!([gvk(&Kind::of::<T>())]);
    if !T::SELECTABLE_FIELDS.is_empty() {
        let fields = T::SELECTABLE_FIELDS.iter().map(|field| json!({"fieldPath": field}));
        schema["x-kubernetes-selectable-fields"] = fields.collect();
    }
    schema
}

/// All schemas that the documents of these resources refer to, by name.
pub(super) fn components(resources: &[&Described]) -> Map<String, Value> {
    let mut components = Map::new();
    components.insert(OBJECT_META.to_owned(), structural::<ObjectMeta>());
    components.insert(LIST_META.to_owned(), structural::<ListMeta>());
    let verbs = || resources.iter().flat_map(|resource| resource.all_verbs());
    if verbs().any(|verb| matches!(verb, "delete" | "deletecollection")) {
        components.insert(writes::DELETE_OPTIONS.to_owned(), structural::<DeleteOptions>());
        components.insert(writes::STATUS.to_owned(), structural::<Status>());
    }
    if verbs().any(|verb| verb == "patch") {
        components.insert(writes::PATCH.to_owned(), json!({"type": "object", "description": A_PATCH}));
    }
    for resource in resources {
        components.insert(name(&resource.kind), (resource.schema)());
        if resource.verbs.contains(&"list") {
            let kind = list_kind(&resource.kind);
            components.insert(name(&kind), list(&resource.kind, &kind));
        }
        for subresource in resource.subresources.iter().filter(|subresource| !subresource.is_raw) {
            components.entry(name(&subresource.kind)).or_insert_with(subresource.schema);
        }
    }
    components
}

/// The name of a kind's schema: its group backwards, version and kind.
pub(super) fn name(kind: &Kind) -> String {
    let mut labels: Vec<&str> = kind.group.split('.').rev().collect();
    labels.extend([kind.version.as_str(), kind.kind.as_str()]);
    labels.join(".")
}

pub(super) fn list_kind(kind: &Kind) -> Kind {
    Kind { kind: format!("{}List", kind.kind), ..kind.clone() }
}

pub(super) fn gvk(kind: &Kind) -> Value {
    json!({"group": kind.group, "version": kind.version, "kind": kind.kind})
}

fn list(item: &Kind, kind: &Kind) -> Value {
    json!({
        "description": format!("{} is a list of {}", kind.kind, item.kind),
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": {"type": "string", "description": API_VERSION},
            "kind": {"type": "string", "description": KIND},
            "metadata": reference(LIST_META, LIST_METADATA),
            "items": {
                "type": "array",
                "description": format!("List of {}.", item.kind),
                "items": reference(&name(item), ""),
            },
        },
        "x-kubernetes-group-version-kind": [gvk(kind)],
    })
}

/// A reference with a description beside it, in the form that OpenAPI 3.0 allows.
fn reference(name: &str, description: &str) -> Value {
    let target = json!([{"$ref": format!("#/components/schemas/{name}")}]);
    match description {
        "" => json!({"allOf": target, "default": {}}),
        description => json!({"allOf": target, "default": {}, "description": description}),
    }
}

/// The schema of a type, made structural.
pub(crate) fn structural<T: JsonSchema>() -> Value {
    let generator = SchemaSettings::openapi3()
        .with(|settings| {
            settings.inline_subschemas = true;
            settings.meta_schema = None;
        })
        .with_transform(AddNullable::default())
        .with_transform(StructuralSchemaRewriter)
        .with_transform(OptionalEnum)
        .with_transform(OptionalIntOrString)
        .into_generator();
    let mut schema = generator.into_root_schema_for::<T>().to_value();
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("title");
    }
    never_null(&mut schema);
    schema
}

/// An optional field may be absent; it is never null.
fn never_null(schema: &mut Value) {
    let Some(schema) = schema.as_object_mut() else { return };
    if schema.get("nullable").is_some_and(Value::is_boolean) {
        schema.remove("nullable");
    }
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    properties.into_iter().flat_map(Map::values_mut).for_each(never_null);
    for child in ["items", "additionalProperties"] {
        schema.get_mut(child).into_iter().for_each(never_null);
    }
}
