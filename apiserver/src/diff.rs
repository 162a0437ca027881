//! `Diff`: what differs between two stored revisions of a source. Made for the answer, kept nowhere.
use crate::artifact::Artifact;
use artifacts::compare::{Difference, Differences, Patch};
use extension_apiserver::{object::Object, table::Column};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Two revisions of an ExternalSource, compared.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[kube(
    group = "subresources.postern.dev",
    version = "v1alpha1",
    kind = "Diff",
    plural = "diffs",
    singular = "diff",
    namespaced,
    no_spec,
    derive = "PartialEq",
    doc = "Diff says in which files two stored revisions of an ExternalSource differ, and shows the lines of those that are text."
)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// The earlier revision, `latest@sha256:` and the digest.
    pub from: String,
    /// The later one.
    pub to: String,
    /// How many files only the later one has.
    pub added: i64,
    /// How many files only the earlier one has.
    pub removed: i64,
    /// How many files differ.
    pub changed: i64,
    /// How many of these files are not listed, since they are too many.
    pub unlisted: i64,
    /// The files that differ, in the order of their paths.
    pub files: Vec<FileDiff>,
}

/// A file that differs.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FileDiff {
    /// Its path in the artifact.
    pub path: String,
    /// What became of it.
    pub change: Change,
    /// Its size in bytes in the earlier revision, if it was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_size: Option<i64>,
    /// Its size in bytes in the later revision, if it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_size: Option<i64>,
    /// How its lines differ, in the unified format that `git apply` takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch: Option<String>,
    /// Why its lines are not shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub omitted: Option<Omitted>,
}

/// What became of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Change {
    /// Only the later revision has it.
    Added,
    /// Only the earlier revision has it.
    Removed,
    /// Both have it, and it differs.
    #[default]
    Changed,
}

/// Why lines are not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Omitted {
    /// The file is no text.
    Binary,
    /// The file is larger than lines are compared of.
    TooLarge,
    /// The lines of the files before it are as many as one answer holds.
    LimitReached,
}

impl Object for Diff {
    fn rows(&self) -> Option<Vec<Self>> {
        let one = |file: &FileDiff| {
            let spec = Comparison { files: vec![file.clone()], ..Comparison::default() };
            Self { metadata: ObjectMeta::default(), spec }
        };
        let unlisted = self.spec.unlisted;
        let rest = Comparison { unlisted, ..Comparison::default() };
        let rest = (unlisted > 0).then(|| Self { metadata: ObjectMeta::default(), spec: rest });
        Some(self.spec.files.iter().map(one).chain(rest).collect())
    }

    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::text("Path", "The path of the file.", |row: &Self| match row.file() {
                Some(file) => file.path.clone(),
                None => format!("… and {} more", row.spec.unlisted),
            }),
            of_file("Change", "What became of it.", |file| format!("{:?}", file.change)),
            of_file("From", "Its size in bytes before.", |file| size(file.from_size)),
            of_file("To", "Its size in bytes after.", |file| size(file.to_size)),
            of_file("Lines", "How many lines were added and removed.", lines),
        ]
    }
}

/// A column that is empty in the row of what is not listed.
fn of_file(name: &'static str, description: &'static str, text: fn(&FileDiff) -> String) -> Column<Diff> {
    Column::text(name, description, move |row: &Diff| row.file().map(text).unwrap_or_default())
}

impl Diff {
    /// The file of a row; the last row may speak of files that are not listed.
    fn file(&self) -> Option<&FileDiff> {
        self.spec.files.first()
    }

    /// What differs between those two artifacts of a source.
    pub(crate) fn between(from: &Artifact, to: &Artifact, found: Differences) -> Self {
        let metadata = ObjectMeta {
            name: Some(to.spec.source.name.clone()),
            namespace: to.metadata.namespace.clone(),
            ..ObjectMeta::default()
        };
        Self { metadata, spec: Comparison::new(&from.spec.revision, &to.spec.revision, found) }
    }
}

impl Comparison {
    /// What was found between these two revisions.
    pub(crate) fn new(from: &str, to: &str, found: Differences) -> Self {
        let Differences { added, removed, changed, files } = found;
        let all = added + removed + changed;
        Self {
            from: from.to_owned(),
            to: to.to_owned(),
            added: number(added),
            removed: number(removed),
            changed: number(changed),
            unlisted: number(all.saturating_sub(files.len() as u64)),
            files: files.into_iter().map(FileDiff::from).collect(),
        }
    }
}

impl From<Difference> for FileDiff {
    fn from(found: Difference) -> Self {
        let Difference { path, before, after, patch } = found;
        let change = match (before, after) {
            (None, _) => Change::Added,
            (_, None) => Change::Removed,
            _ => Change::Changed,
        };
        let (patch, omitted) = match patch {
            Patch::Text(text) => (Some(text), None),
            Patch::Binary => (None, Some(Omitted::Binary)),
            Patch::TooLarge => (None, Some(Omitted::TooLarge)),
            Patch::BeyondLimit => (None, Some(Omitted::LimitReached)),
        };
        let (from_size, to_size) = (before.map(number), after.map(number));
        Self { path: path.to_string(), change, from_size, to_size, patch, omitted }
    }
}

pub(crate) fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn size(bytes: Option<i64>) -> String {
    bytes.map_or_else(|| "-".to_owned(), |bytes| bytes.to_string())
}

/// `+3 -1`, or why nothing can be said.
fn lines(file: &FileDiff) -> String {
    let Some(patch) = &file.patch else {
        return file.omitted.map_or_else(String::new, |why| format!("{why:?}"));
    };
    // What stands above the first hunk names files, with the same signs in front.
    let hunks = patch.lines().skip_while(|line| !line.starts_with("@@"));
    let (mut added, mut removed) = (0, 0);
    for line in hunks {
        match line.as_bytes().first() {
            Some(b'+') => added += 1,
            Some(b'-') => removed += 1,
            _ => {}
        }
    }
    format!("+{added} -{removed}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_says_how_many_files_it_does_not_list() {
        let files = vec![FileDiff { path: "a".into(), ..FileDiff::default() }];
        let rows = |unlisted| {
            let spec = Comparison { unlisted, files: files.clone(), ..Comparison::default() };
            Diff { metadata: ObjectMeta::default(), spec }.rows().expect("a row for each file")
        };
        assert_eq!(rows(0).len(), 1);
        let [file, rest] = &*rows(7) else { panic!("one file, and what is not listed") };
        assert_eq!(file.file().map(|file| &*file.path), Some("a"));
        assert_eq!((rest.file(), rest.spec.unlisted), (None, 7));
    }

    #[test]
    fn lines_are_counted_below_the_names_of_files() {
        let patch = "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1,2 +1,3 @@\n a: 1\n-b: 2\n+++b: 3\n+c: 4\n";
        let file = FileDiff { patch: Some(patch.into()), ..FileDiff::default() };
        assert_eq!(lines(&file), "+2 -1");
        let binary = FileDiff { omitted: Some(Omitted::Binary), ..FileDiff::default() };
        assert_eq!(lines(&binary), "Binary");
    }
}
