//! The paths of a version, as k8s.io/apiserver describes them.
use super::{
    schemas::{gvk, list_kind, name},
    writes,
};
use crate::server::{Described, DescribedSubresource, Kind};
use serde_json::{Map, Value, json};

/// The codes with which something is answered, and with which it is made.
const OK: &[&str] = &["200"];
const CREATED: &[&str] = &["200", "201", "202"];

/// Tells all paths of these resources, and what there is at each.
pub(super) fn each(resources: &[&Described], mut tell: impl FnMut(String, Value)) {
    let mut tell_of =
        |item: Option<(String, Value)>| item.into_iter().for_each(|(path, item)| tell(path, item));
    for resource in resources {
        let Kind { group, version, .. } = &resource.kind;
        let (root, plural) = (format!("/apis/{group}/{version}"), &resource.plural);
        let place = match resource.is_namespaced {
            true => format!("{root}/namespaces/{{namespace}}/{plural}"),
            false => format!("{root}/{plural}"),
        };
        if resource.is_namespaced {
            tell_of(item(format!("{root}/{plural}"), &resource.verbs, None, false, |verb| {
                (verb == "list").then(|| list(resource, false))
            }));
        }
        tell_of(item(place.clone(), &resource.verbs, None, resource.is_namespaced, |verb| {
            collection(resource, verb)
        }));
        let kind = Some(resource.kind.kind.as_str());
        let single = format!("{place}/{{name}}");
        tell_of(item(single.clone(), &resource.verbs, kind, resource.is_namespaced, |verb| {
            one(resource, verb)
        }));
        for below in &resource.subresources {
            let path = format!("{single}/{}", below.name);
            let operation = |verb: &str| subresource(resource, below, verb);
            tell_of(item(path, &below.verbs, kind, resource.is_namespaced, operation));
        }
    }
}

/// A path with the operations that there are for these verbs; nothing if there are none.
fn item(
    path: String,
    verbs: &[&'static str],
    kind: Option<&str>,
    in_namespace: bool,
    operation: impl Fn(&str) -> Option<Value>,
) -> Option<(String, Value)> {
    let operations = verbs.iter().filter_map(|verb| Some((method(verb).to_owned(), operation(verb)?)));
    let mut item: Map<String, Value> = operations.collect();
    if item.is_empty() {
        return None;
    }
    item.insert("parameters".to_owned(), path_parameters(in_namespace, kind).into());
    Some((path, item.into()))
}

fn method(verb: &str) -> &'static str {
    match verb {
        "create" => "post",
        "update" => "put",
        "patch" => "patch",
        "delete" | "deletecollection" => "delete",
        _ => "get",
    }
}

/// What can be done with all objects of a resource.
fn collection(resource: &Described, verb: &str) -> Option<Value> {
    let kind = &resource.kind;
    let described = match verb {
        "list" => return Some(list(resource, resource.is_namespaced)),
        "create" => Operation {
            action: "post",
            description: format!("create {}", with_article(&kind.kind)),
            id: format!("create{}", id(resource, &kind.kind, resource.is_namespaced)),
            kind,
            body: Some(body(kind)),
            parameters: writes::options(),
            answer: content(kind),
            codes: CREATED,
        },
        "deletecollection" => Operation {
            action: "deletecollection",
            description: format!("delete collection of {}", kind.kind),
            id: format!(
                "delete{}",
                id(resource, &format!("Collection{}", kind.kind), resource.is_namespaced)
            ),
            kind,
            body: Some(writes::delete_options()),
            parameters: writes::deletion().into_iter().chain(selecting()).collect(),
            answer: content(&list_kind(kind)),
            codes: OK,
        },
        _ => return None,
    };
    Some(described.describe(resource))
}

/// What can be done with one object.
fn one(resource: &Described, verb: &str) -> Option<Value> {
    let kind = &resource.kind;
    let (action, word) = words(verb)?;
    let (body, parameters) = taken(verb, kind);
    let described = Operation {
        action,
        description: format!("{word} the specified {}", kind.kind),
        id: format!("{word}{}", id(resource, &kind.kind, resource.is_namespaced)),
        kind,
        body,
        parameters,
        answer: if verb == "delete" { writes::status() } else { content(kind) },
        codes: match verb {
            "update" => &["200", "201"],
            "delete" => &["200", "202"],
            _ => OK,
        },
    };
    Some(described.describe(resource))
}

/// What can be done with a subresource of one object.
fn subresource(resource: &Described, below: &DescribedSubresource, verb: &str) -> Option<Value> {
    if below.connecting.contains(&verb) {
        return Some(connection(resource, below, verb));
    }
    let (parent, kind) = (&resource.kind.kind, &below.kind);
    let (action, word) = if verb == "create" { ("post", "create") } else { words(verb)? };
    let (body, options) = taken(verb, kind);
    let described = Operation {
        action,
        description: format!("{word} {} of the specified {parent}", below.name),
        id: format!("{word}{}{}", id(resource, parent, resource.is_namespaced), capitalized(below.name)),
        kind,
        body,
        parameters: own_parameters(below).chain(options).collect(),
        answer: match below.is_raw {
            true => bytes(),
            false => content(kind),
        },
        codes: if verb == "create" { CREATED } else { OK },
    };
    Some(described.describe(resource))
}

/// A protocol of the subresource's own.
fn connection(resource: &Described, below: &DescribedSubresource, verb: &str) -> Value {
    let (parent, method) = (&resource.kind.kind, method(verb));
    let name = format!("{}{parent}", if resource.is_namespaced { "Namespaced" } else { "" });
    let described = Operation {
        action: "connect",
        description: format!("connect {} requests to {} of {parent}", method.to_uppercase(), below.name),
        id: format!(
            "connect{}{}",
            id(resource, &format!("{}{name}", capitalized(method)), false),
            capitalized(below.name)
        ),
        kind: &below.kind,
        body: None,
        parameters: own_parameters(below).collect(),
        answer: bytes(),
        codes: OK,
    };
    described.describe(resource)
}

fn own_parameters(below: &DescribedSubresource) -> impl Iterator<Item = Value> {
    below.parameters.iter().map(|parameter| query(parameter.name, "string", parameter.description))
}

fn bytes() -> Value {
    json!({"*/*": {"schema": {"type": "string"}}})
}

/// The action of a verb on one object, and how it reads in a sentence and in an id.
fn words(verb: &str) -> Option<(&'static str, &'static str)> {
    match verb {
        "get" => Some(("get", "read")),
        "update" => Some(("put", "replace")),
        "patch" => Some(("patch", "patch")),
        "delete" => Some(("delete", "delete")),
        _ => None,
    }
}

/// The body that a verb takes, and its options.
fn taken(verb: &str, kind: &Kind) -> (Option<Value>, Vec<Value>) {
    match verb {
        "create" | "update" => (Some(body(kind)), writes::options()),
        "patch" => (Some(writes::patch()), writes::options()),
        "delete" => (Some(writes::delete_options()), writes::deletion()),
        _ => (None, Vec::new()),
    }
}

fn list(resource: &Described, in_namespace: bool) -> Value {
    let kind = &resource.kind.kind;
    let name = match resource.is_namespaced && !in_namespace {
        true => format!("{kind}ForAllNamespaces"),
        false => kind.clone(),
    };
    let described = Operation {
        action: "list",
        description: format!("list or watch objects of kind {kind}"),
        id: format!("list{}", id(resource, &name, in_namespace)),
        kind: &resource.kind,
        body: None,
        parameters: watching().into_iter().chain(selecting()).collect(),
        answer: content(&list_kind(&resource.kind)),
        codes: OK,
    };
    described.describe(resource)
}

struct Operation<'a> {
    action: &'static str,
    description: String,
    id: String,
    kind: &'a Kind,
    body: Option<Value>,
    parameters: Vec<Value>,
    answer: Value,
    /// Those of success.
    codes: &'static [&'static str],
}

impl Operation<'_> {
    fn describe(self, resource: &Described) -> Value {
        let Kind { group, version, .. } = &resource.kind;
        let answer = |code: &&str| {
            let description = match *code {
                "201" => "Created",
                "202" => "Accepted",
                _ => "OK",
            };
            ((*code).to_owned(), json!({"description": description, "content": self.answer}))
        };
        let mut responses: Map<String, Value> = self.codes.iter().map(answer).collect();
        responses.insert("401".to_owned(), json!({"description": "Unauthorized"}));
        let mut operation = json!({
            "tags": [format!("{}_{version}", camel(group, false))],
            "description": self.description,
            "operationId": self.id,
            "parameters": self.parameters,
            "responses": responses,
            "x-kubernetes-action": self.action,
            "x-kubernetes-group-version-kind": gvk(self.kind),
        });
        if let Some(body) = self.body {
            operation["requestBody"] = body;
        }
        operation
    }
}

/// A request that brings an object.
fn body(kind: &Kind) -> Value {
    let schema = json!({"$ref": format!("#/components/schemas/{}", name(kind))});
    json!({"required": true, "content": {"*/*": {"schema": schema}}})
}

fn with_article(kind: &str) -> String {
    let is_vowel = kind.starts_with(['A', 'E', 'I', 'O', 'U']);
    format!("{} {kind}", if is_vowel { "an" } else { "a" })
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

fn watching() -> [Value; 2] {
    let bookmarks = "Asks a watch for bookmarks, which say how far it has come.";
    [
        query("allowWatchBookmarks", "boolean", bookmarks),
        query("watch", "boolean", "Watches for changes instead of listing."),
    ]
}

/// What a list reads, and a deletion of all that it finds.
fn selecting() -> Vec<Value> {
    [
        ("continue", "string", "The token of the previous page, to get the next one of the same list."),
        ("fieldSelector", "string", "Selects objects by their fields."),
        ("labelSelector", "string", "Selects objects by their labels."),
        ("limit", "integer", "Most objects in one answer; more are behind the continue token."),
        ("resourceVersion", "string", "Where to start a watch, or how new a list must be."),
        ("resourceVersionMatch", "string", "How resourceVersion applies to a list: Exact or NotOlderThan."),
        ("sendInitialEvents", "boolean", "Begins a watch with all objects, and a bookmark after them."),
        ("timeoutSeconds", "integer", "How long a watch may last."),
    ]
    .into_iter()
    .map(|(name, kind, description)| query(name, kind, description))
    .collect()
}

pub(super) fn query(name: &str, kind: &str, description: &str) -> Value {
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
