//! The aggregated form, `apidiscovery.k8s.io/v2`: everything in one document.
use crate::server::{Described, DescribedSubresource, Kind};
use serde_json::{Value, json};

/// Versions of a group with their resources, in the order of registration, resources by name.
type Versions<'a> = Vec<(String, Vec<&'a Described>)>;

/// The resources by group and version.
pub(super) fn by_group(resources: &[Described]) -> Vec<(String, Versions<'_>)> {
    let mut groups: Vec<(String, Versions<'_>)> = Vec::new();
    for resource in resources {
        let Kind { group, version, .. } = &resource.kind;
        let versions = entry(&mut groups, group);
        entry(versions, version).push(resource);
    }
    for (_, resources) in groups.iter_mut().flat_map(|(_, versions)| versions) {
        resources.sort_by(|a, b| a.plural.cmp(&b.plural));
    }
    groups
}

/// The `APIGroupDiscoveryList`.
pub(super) fn group_list(resources: &[Described]) -> Value {
    let groups = by_group(resources).into_iter().map(|(group, versions)| {
        let versions: Vec<Value> = versions
            .into_iter()
            .map(|(version, resources)| {
                let resources: Vec<Value> = resources.into_iter().map(resource).collect();
                json!({"version": version, "resources": resources, "freshness": "Current"})
            })
            .collect();
        json!({"metadata": {"name": group}, "versions": versions})
    });
    json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": groups.collect::<Vec<Value>>(),
    })
}

fn entry<'m, V: Default>(list: &'m mut Vec<(String, V)>, key: &str) -> &'m mut V {
    let at = list.iter().position(|(name, _)| name == key).unwrap_or_else(|| {
        list.push((key.to_owned(), V::default()));
        list.len() - 1
    });
    &mut list[at].1
}

fn resource(described: &Described) -> Value {
    let mut entry = json!({
        "resource": described.plural,
        "responseKind": kind(&described.kind),
        "scope": if described.is_namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": described.singular,
        "verbs": described.verbs,
    });
    if !described.short_names.is_empty() {
        entry["shortNames"] = json!(described.short_names);
    }
    if !described.categories.is_empty() {
        entry["categories"] = json!(described.categories);
    }
    if !described.subresources.is_empty() {
        entry["subresources"] = described.subresources.iter().map(subresource).collect();
    }
    entry
}

/// Clients drop an entry without `responseKind`, and old ones crash on it.
fn subresource(described: &DescribedSubresource) -> Value {
    json!({
        "subresource": described.name,
        "responseKind": kind(&described.kind),
        "verbs": described.verbs,
    })
}

fn kind(kind: &Kind) -> Value {
    json!({"group": kind.group, "version": kind.version, "kind": kind.kind})
}
