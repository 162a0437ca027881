//! The paths of a version, as k8s.io/apiserver describes them.
use super::schemas::{gvk, list_kind, name};
use crate::server::{Described, DescribedSubresource, Kind};
use serde_json::{Map, Value, json};

/// All paths of these resources.
pub(super) fn paths(resources: &[&Described]) -> Map<String, Value> {
    let mut paths = Map::new();
    for resource in resources {
        let Kind { group, version, .. } = &resource.kind;
        let (root, plural) = (format!("/apis/{group}/{version}"), &resource.plural);
        let place = match resource.is_namespaced {
            true => format!("{root}/namespaces/{{namespace}}/{plural}"),
            false => format!("{root}/{plural}"),
        };
        if resource.verbs.contains(&"list") {
            paths.insert(place.clone(), list(resource, resource.is_namespaced));
            if resource.is_namespaced {
                paths.insert(format!("{root}/{plural}"), list(resource, false));
            }
        }
        if resource.verbs.contains(&"get") {
            paths.insert(format!("{place}/{{name}}"), get(resource));
        }
        for subresource in &resource.subresources {
            let path = format!("{place}/{{name}}/{}", subresource.name);
            paths.insert(path, get_below(resource, subresource));
        }
    }
    paths
}

fn get(resource: &Described) -> Value {
    let operation = Operation {
        action: "get",
        description: format!("read the specified {}", resource.kind.kind),
        id: format!("read{}", id(resource, &resource.kind.kind, resource.is_namespaced)),
        kind: &resource.kind,
    };
    let content = content(&resource.kind);
    json!({
        "get": operation.describe(resource, &content, &[]),
        "parameters": path_parameters(resource.is_namespaced, Some(&resource.kind.kind)),
    })
}

fn get_below(resource: &Described, subresource: &DescribedSubresource) -> Value {
    let kind = &resource.kind.kind;
    let operation = Operation {
        action: "get",
        description: format!("read {} of the specified {kind}", subresource.name),
        id: format!("read{}{}", id(resource, kind, resource.is_namespaced), capitalized(subresource.name)),
        kind: &subresource.kind,
    };
    let content = match subresource.is_raw {
        true => json!({"*/*": {"schema": {"type": "string"}}}),
        false => content(&subresource.kind),
    };
    let parameters = subresource.parameters.iter();
    let parameters: Vec<Value> =
        parameters.map(|parameter| query(parameter.name, "string", parameter.description)).collect();
    json!({
        "get": operation.describe(resource, &content, &parameters),
        "parameters": path_parameters(resource.is_namespaced, Some(kind)),
    })
}

fn list(resource: &Described, in_namespace: bool) -> Value {
    let kind = &resource.kind.kind;
    let name = match resource.is_namespaced && !in_namespace {
        true => format!("{kind}ForAllNamespaces"),
        false => kind.clone(),
    };
    let operation = Operation {
        action: "list",
        description: format!("list or watch objects of kind {kind}"),
        id: format!("list{}", id(resource, &name, in_namespace)),
        kind: &resource.kind,
    };
    let content = content(&list_kind(&resource.kind));
    json!({
        "get": operation.describe(resource, &content, &list_parameters()),
        "parameters": path_parameters(in_namespace, None),
    })
}

struct Operation<'a> {
    action: &'a str,
    description: String,
    id: String,
    kind: &'a Kind,
}

impl Operation<'_> {
    fn describe(self, resource: &Described, content: &Value, parameters: &[Value]) -> Value {
        let Kind { group, version, .. } = &resource.kind;
        json!({
            "tags": [format!("{}_{version}", camel(group, false))],
            "description": self.description,
            "operationId": self.id,
            "parameters": parameters,
            "responses": {
                "200": {"description": "OK", "content": content},
                "401": {"description": "Unauthorized"},
            },
            "x-kubernetes-action": self.action,
            "x-kubernetes-group-version-kind": gvk(self.kind),
        })
    }
}

fn content(kind: &Kind) -> Value {
    let schema = json!({"schema": {"$ref": format!("#/components/schemas/{}", name(kind))}});
    json!({"application/json": schema, "application/yaml": schema})
}

fn id(resource: &Described, name: &str, in_namespace: bool) -> String {
    let Kind { group, version, .. } = &resource.kind;
    let scope = if in_namespace { "Namespaced" } else { "" };
    format!("{}{}{scope}{name}", camel(group, true), capitalized(version))
}

fn path_parameters(in_namespace: bool, kind: Option<&str>) -> Vec<Value> {
    let parameter = |name: &str, description: String| {
        json!({
            "name": name,
            "in": "path",
            "description": description,
            "required": true,
            "schema": {"type": "string", "uniqueItems": true},
        })
    };
    let name = kind.map(|kind| parameter("name", format!("name of the {kind}")));
    let scope = "namespace of the object".to_owned();
    let namespace = in_namespace.then(|| parameter("namespace", scope));
    let pretty = query("pretty", "string", "Whether to indent the answer for people.");
    name.into_iter().chain(namespace).chain([pretty]).collect()
}

fn list_parameters() -> Vec<Value> {
    [
        ("allowWatchBookmarks", "boolean", "Asks a watch for bookmarks, which say how far it has come."),
        ("continue", "string", "The token of the previous page, to get the next one of the same list."),
        ("fieldSelector", "string", "Selects objects by their fields."),
        ("labelSelector", "string", "Selects objects by their labels."),
        ("limit", "integer", "Most objects in one answer; more are behind the continue token."),
        ("resourceVersion", "string", "Where to start a watch, or how new a list must be."),
        ("resourceVersionMatch", "string", "How resourceVersion applies to a list: Exact or NotOlderThan."),
        ("sendInitialEvents", "boolean", "Begins a watch with all objects, and a bookmark after them."),
        ("timeoutSeconds", "integer", "How long a watch may last."),
        ("watch", "boolean", "Watches for changes instead of listing."),
    ]
    .into_iter()
    .map(|(name, kind, description)| query(name, kind, description))
    .collect()
}

fn query(name: &str, kind: &str, description: &str) -> Value {
    let schema = json!({"type": kind, "uniqueItems": true});
    json!({"name": name, "in": "query", "description": description, "schema": schema})
}

/// `subresources.postern.dev` as `subresourcesPosternDev`, or with a capital first letter.
fn camel(group: &str, first: bool) -> String {
    let labels = group.split(['.', '-']).enumerate();
    labels
        .map(|(index, label)| if index > 0 || first { capitalized(label) } else { label.to_owned() })
        .collect()
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
