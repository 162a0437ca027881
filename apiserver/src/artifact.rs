//! `Artifact`: one stored revision of a source as an object. Derived from the source's status, kept nowhere.
use crds::{ExternalSource, external_source::StoredRevision, names};
use extension_apiserver::{object::Object, table::Column};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, collections::BTreeMap};
use uuid::Uuid;

/// The label that names the source, in a form that labels allow.
pub const SOURCE_LABEL: &str = "postern.dev/source";
/// The label that names the digest, in a form that labels allow.
pub const DIGEST_LABEL: &str = "postern.dev/digest";

impl Artifact {
    /// Whether its digest begins with these hexadecimal digits.
    pub(crate) fn begins_with(&self, digits: &str) -> bool {
        hex(&self.spec.digest).starts_with(digits)
    }
}

/// One stored revision of an ExternalSource.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[kube(
    group = "subresources.postern.dev",
    version = "v1alpha1",
    kind = "Artifact",
    plural = "artifacts",
    singular = "artifact",
    namespaced,
    no_spec,
    derive = "PartialEq",
    doc = "Artifact is one stored revision of an ExternalSource. Nothing of it lies in etcd: it is answered from the status of its source. Its name is the source's, followed by 12 digits of the digest; its labels are the source's, with `postern.dev/source` and `postern.dev/digest`."
)]
#[serde(rename_all = "camelCase")]
pub struct Revision {
    /// The ExternalSource that it was made from.
    pub source: Source,
    /// The revision, `latest@sha256:` and the digest.
    pub revision: String,
    /// `sha256:` and the digest of the archive's bytes.
    pub digest: String,
    /// The size of the archive in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<i64>,
    /// Where Flux fetches it, inside the cluster.
    pub url: String,
    /// Whether this revision is the one that is published now.
    pub current: bool,
    /// When it was stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_update_time: Option<Time>,
}

impl Object for Artifact {
    const CATEGORIES: &'static [&'static str] = &["postern"];
    const SELECTABLE_FIELDS: &'static [&'static str] = &["source", "revision"];

    fn selectable_field(&self, path: &str) -> Cow<'_, str> {
        match path {
            "source" => Cow::Borrowed(&self.spec.source.name),
            "revision" => Cow::Borrowed(&self.spec.revision),
            _ => Cow::Borrowed(""),
        }
    }

    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::name(),
            Column::text("Source", "The ExternalSource that it was made from.", |a: &Self| {
                a.spec.source.name.clone()
            }),
            Column::text("Revision", "The revision, cut to 12 digits.", |a: &Self| {
                format!("latest@sha256:{}", short(hex(&a.spec.digest)))
            }),
            Column::text("Size", "The size of the archive.", |a: &Self| {
                a.spec.size.map_or_else(String::new, size)
            }),
            Column::boolean("Current", "Whether it is published now.", |a: &Self| a.spec.current),
            Column::age(),
            Column::text("Digest", "The digest of the archive.", |a: &Self| a.spec.digest.clone()).wide(),
            Column::text("URL", "Where Flux fetches it.", |a: &Self| a.spec.url.clone()).wide(),
        ]
    }
}

/// The ExternalSource that an artifact was made from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
}

/// Every stored revision of a source, newest first.
pub fn of(source: &ExternalSource) -> Vec<Artifact> {
    let Some(status) = &source.status else { return Vec::new() };
    status.history.iter().map(|stored| one(source, stored)).collect()
}

fn one(source: &ExternalSource, stored: &StoredRevision) -> Artifact {
    let published = source.status.as_ref().and_then(|status| status.artifact.as_ref());
    let name = source.metadata.name.clone().unwrap_or_default();
    let uid = source.metadata.uid.clone().unwrap_or_default();
    let hex = hex(&stored.digest);
    // The path of a blob ends in its digest, so the address of an older one differs only there.
    let url = published.map_or_else(String::new, |current| match current.digest.strip_prefix("sha256:") {
        Some(now) => current.url.replace(now, hex),
        None => current.url.clone(),
    });
    let metadata = ObjectMeta {
        name: Some(name_of(&name, hex)),
        namespace: source.metadata.namespace.clone(),
        uid: Some(uid_of(&uid, &stored.digest).to_string()),
        // The view makes its own versions of this one.
        resource_version: source.metadata.resource_version.clone(),
        creation_timestamp: stored.last_update_time.clone(),
        labels: Some(labels_of(source, &name, &stored.digest)),
        ..ObjectMeta::default()
    };
    let spec = Revision {
        current: published.is_some_and(|current| current.revision == stored.revision),
        source: Source { name, uid },
        revision: stored.revision.clone(),
        digest: stored.digest.clone(),
        size: stored.size,
        url,
        last_update_time: stored.last_update_time.clone(),
    };
    Artifact { metadata, spec }
}

/// `<source>-<12 digits>`. A name beyond 200 characters is cut, and a hash of all of it keeps it apart from others.
fn name_of(source: &str, hex: &str) -> String {
    const LONGEST: usize = 200;
    let digits: String = hex.chars().take(12).collect();
    if source.len() <= LONGEST {
        return format!("{source}-{digits}");
    }
    let hash = Uuid::new_v5(&Uuid::NAMESPACE_OID, source.as_bytes()).simple().to_string();
    let kept = source[..LONGEST - 13].trim_end_matches(['.', '-']);
    format!("{kept}-{}-{digits}", &hash[..12])
}

/// The same revision of the same source always has the same UID; a source that was made anew gives others.
fn uid_of(source: &str, digest: &str) -> Uuid {
    let namespace = Uuid::parse_str(source).unwrap_or(Uuid::NAMESPACE_OID);
    Uuid::new_v5(&namespace, digest.as_bytes())
}

fn labels_of(source: &ExternalSource, name: &str, digest: &str) -> BTreeMap<String, String> {
    let mut labels = source.metadata.labels.clone().unwrap_or_default();
    labels.insert(SOURCE_LABEL.into(), names::label_value(name));
    labels.insert(DIGEST_LABEL.into(), names::label_value(digest));
    labels
}

/// Why a revision cannot be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Nothing was stored yet.
    NothingStored,
    /// What was asked for is no revision, no digest, and no 12 digits of one.
    Malformed,
    /// Several stored revisions begin like that.
    Ambiguous,
    /// The name is well-formed, but no stored revision has it.
    Unknown {
        /// The hexadecimal digits that were asked for.
        digits: String,
        /// The short forms of the stored revisions, newest first.
        kept: Vec<String>,
    },
}

/// Finds a revision among the stored ones by its digest, whole or cut to at least 12 hexadecimal digits, as a table shows it or
/// without what stands before them; nothing means the current one.
///
/// # Errors
/// There is no such revision; the variant says why.
pub fn find(source: &ExternalSource, wanted: Option<&str>) -> Result<Artifact, Missing> {
    let stored = of(source);
    let Some(wanted) = wanted.filter(|wanted| !wanted.is_empty()) else {
        return stored.into_iter().find(|artifact| artifact.spec.current).ok_or(Missing::NothingStored);
    };
    let digits = digits_of(wanted).ok_or(Missing::Malformed)?;
    let mut found = stored.iter().filter(|artifact| artifact.begins_with(&digits));
    match (found.next(), found.next()) {
        (Some(artifact), None) => Ok(artifact.clone()),
        (Some(_), Some(_)) => Err(Missing::Ambiguous),
        (None, _) => {
            let kept = stored.iter().map(|artifact| short(hex(&artifact.spec.digest))).collect();
            Err(Missing::Unknown { digits: digits.clone(), kept })
        }
    }
}

/// The hexadecimal digits that a spelling of a revision means; 12 to 64 of them.
fn digits_of(wanted: &str) -> Option<String> {
    let digest = wanted.rsplit_once('@').map_or(wanted, |(_, digest)| digest);
    let digits = hex(digest);
    let enough = (12..=64).contains(&digits.len());
    (enough && digits.bytes().all(|b| b.is_ascii_hexdigit())).then(|| digits.to_ascii_lowercase())
}

fn hex(digest: &str) -> &str {
    digest.strip_prefix("sha256:").unwrap_or(digest)
}

/// A size for people: `512 B`, `10.0 KiB`, `3.4 MiB`.
#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
fn size(bytes: i64) -> String {
    const UNITS: [&str; 3] = ["KiB", "MiB", "GiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut amount = bytes as f64 / 1024.0;
    let mut unit = 0;
    while amount >= 1024.0 && unit + 1 < UNITS.len() {
        amount /= 1024.0;
        unit += 1;
    }
    format!("{amount:.1} {}", UNITS[unit])
}

fn short(hex: &str) -> String {
    hex.chars().take(12).collect()
}

#[cfg(test)]
mod tests;
