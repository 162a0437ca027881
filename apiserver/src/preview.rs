//! `ExternalSourcePreview`: what a pass over a spec would give. Made for the answer, kept nowhere.
use crate::diff::{Comparison, number};
use artifacts::preview::{File, Preview};
use crds::ExternalSourceSpec;
use extension_apiserver::{
    object::{Key, Object},
    table::Column,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A spec that is tried, and what it gives.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[kube(
    group = "subresources.postern.dev",
    version = "v1alpha1",
    kind = "ExternalSourcePreview",
    plural = "externalsourcepreviews",
    singular = "externalsourcepreview",
    namespaced,
    no_spec,
    status = "WouldBe",
    derive = "PartialEq",
    doc = "ExternalSourcePreview tries a spec of an ExternalSource: it is fetched and transformed as by a pass, compared with what is published, and nothing is stored. The source need not exist."
)]
#[serde(rename_all = "camelCase", default)]
pub struct Trial {
    /// The spec to try. Without it, the source's own is.
    // Whatever it is: what is wrong with it is told as kube-apiserver tells it of a source, every field at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<ExternalSourceSpec>")]
    pub spec: Option<Value>,
}

/// The artifact that a pass would give.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct WouldBe {
    /// Its revision, `latest@sha256:` and the digest.
    pub revision: String,
    /// Whether that is another one than the published.
    pub changed: bool,
    /// The size of the archive in bytes.
    pub size: i64,
    /// The size of the archive before compression, in bytes.
    pub unpacked_size: i64,
    /// The media type that the source gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The first thousand files in the archive, in the order of their paths.
    pub files: Vec<PreviewedFile>,
    /// How many files are not listed, since they are too many.
    pub unlisted: i64,
    /// In what it differs from the published artifact, if there is one and it can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<Comparison>,
    /// What a pass would tell besides, and what is unwise about the spec.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// A file in the archive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PreviewedFile {
    /// Its path.
    pub path: String,
    /// Its size in bytes.
    pub size: i64,
}

impl Object for ExternalSourcePreview {
    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::name(),
            Column::text("Revision", "The revision that it would be.", |preview: &Self| {
                preview.would_be().revision
            }),
            Column::boolean(
                "Changed",
                "Whether that is another one than the published.",
                |preview: &Self| preview.would_be().changed,
            ),
            Column::integer("Size", "The size of the archive in bytes.", |preview: &Self| {
                preview.would_be().size
            }),
        ]
    }
}

impl ExternalSourcePreview {
    /// What this spec gives for the source of that name.
    pub(crate) fn of(key: &Key, spec: Value, found: Preview) -> Self {
        let metadata = ObjectMeta {
            name: Some(key.name.clone()),
            namespace: Some(key.namespace.clone()),
            ..ObjectMeta::default()
        };
        Self { metadata, spec: Trial { spec: Some(spec) }, status: Some(found.into()) }
    }

    fn would_be(&self) -> WouldBe {
        self.status.clone().unwrap_or_default()
    }
}

impl From<Preview> for WouldBe {
    fn from(found: Preview) -> Self {
        let Preview { revision, published, files, .. } = found;
        let before = published.clone().unwrap_or_default();
        let diff = found.differences.map(|differences| Comparison::new(&before, &revision, differences));
        Self {
            changed: published.as_ref() != Some(&revision),
            revision,
            size: number(found.size),
            unpacked_size: number(found.unpacked_size),
            content_type: found.content_type,
            unlisted: number(found.file_count.saturating_sub(files.len() as u64)),
            files: files.into_iter().map(PreviewedFile::from).collect(),
            diff,
            warnings: found.notes,
        }
    }
}

impl From<File> for PreviewedFile {
    fn from(File { path, size }: File) -> Self {
        Self { path: path.to_string(), size: number(size) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use artifacts::{EntryPath, compare::Differences};

    fn found() -> Preview {
        Preview {
            revision: "latest@sha256:b".into(),
            published: Some("latest@sha256:a".into()),
            size: 7,
            unpacked_size: 9,
            content_type: None,
            file_count: 3,
            files: vec![File { path: EntryPath::unnamed(), size: 4 }],
            differences: Some(Differences { changed: 1, ..Differences::default() }),
            notes: vec!["a".into()],
        }
    }

    #[test]
    fn a_preview_tells_what_is_listed_and_how_much_is_not() {
        let told = WouldBe::from(found());
        assert_eq!((told.files.len(), told.unlisted, told.changed), (1, 2, true));
        let diff = told.diff.expect("something is published");
        assert_eq!((&*diff.from, &*diff.to, diff.changed), ("latest@sha256:a", "latest@sha256:b", 1));
    }

    #[test]
    fn what_is_published_already_is_no_change() {
        let same = Preview { published: Some("latest@sha256:b".into()), ..found() };
        assert!(!WouldBe::from(same).changed);
        let first = Preview { published: None, differences: None, ..found() };
        let first = WouldBe::from(first);
        assert!(first.changed && first.diff.is_none());
    }
}
