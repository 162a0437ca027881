//! The form of Kubernetes before 1.26: a list of groups, a group, and the resources of a version.
use crate::server::{Described, DescribedSubresource, Kind};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Every document by its path.
pub(super) fn documents(resources: &[Described]) -> BTreeMap<String, Value> {
    let mut documents = BTreeMap::new();
    let mut groups = Vec::new();
    for (group, versions) in super::aggregated::by_group(resources) {
        let mut described = versions_of(&group, versions.iter().map(|(version, _)| version.as_str()));
        groups.push(described.clone());
        for (version, resources) in versions {
            documents.insert(format!("apis/{group}/{version}"), resource_list(&group, &version, &resources));
        }
        described["kind"] = "APIGroup".into();
        described["apiVersion"] = "v1".into();
        documents.insert(format!("apis/{group}"), described);
    }
    let list = json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups});
    documents.insert("apis".to_owned(), list);
    documents
}

fn versions_of<'a>(group: &str, versions: impl Iterator<Item = &'a str>) -> Value {
    let versions: Vec<Value> = versions
        .map(|version| json!({"groupVersion": format!("{group}/{version}"), "version": version}))
        .collect();
    json!({"name": group, "versions": versions, "preferredVersion": versions.first()})
}

fn resource_list(group: &str, version: &str, resources: &[&Described]) -> Value {
    let entries: Vec<Value> =
        resources.iter().flat_map(|resource| entries(group, version, resource)).collect();
    json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": format!("{group}/{version}"),
        "resources": entries,
    })
}

fn entries(group: &str, version: &str, resource: &Described) -> Vec<Value> {
    let mut main = json!({
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.is_namespaced,
        "kind": resource.kind.kind,
        "verbs": resource.verbs,
    });
    if !resource.short_names.is_empty() {
        main["shortNames"] = json!(resource.short_names);
    }
    if !resource.categories.is_empty() {
        main["categories"] = json!(resource.categories);
    }
    let subresources = resource.subresources.iter();
    let below = subresources.map(|subresource| below(group, version, resource, subresource));
    std::iter::once(main).chain(below).collect()
}

/// A subresource's entry needs kind and verbs too, or clients drop it; group and version only if they differ.
fn below(group: &str, version: &str, parent: &Described, subresource: &DescribedSubresource) -> Value {
    let Kind { group: kind_group, version: kind_version, kind } = &subresource.kind;
    let mut entry = json!({
        "name": format!("{}/{}", parent.plural, subresource.name),
        "singularName": "",
        "namespaced": parent.is_namespaced,
        "kind": kind,
        "verbs": subresource.verbs,
    });
    if (kind_group.as_str(), kind_version.as_str()) != (group, version) {
        entry["group"] = kind_group.as_str().into();
        entry["version"] = kind_version.as_str().into();
    }
    entry
}
