//! Expressions as a plan has them.
use crate::EntryPath;
use crds::ExternalSourceSpec;

/// What expressions make of the data.
#[derive(Clone, Default)]
pub(crate) struct Shape {
    /// Other data.
    pub(crate) transform: Option<String>,
    /// Files, which come as one archive.
    pub(crate) layout: Vec<(EntryPath, String)>,
}

impl Shape {
    pub(super) fn new(spec: &ExternalSourceSpec) -> Self {
        let path = |path: &str| EntryPath::new(path).expect("the rules accepted this path");
        Self {
            transform: spec.transform.as_ref().map(|transform| transform.cel.clone()),
            layout: spec.layout.iter().map(|file| (path(&file.path), file.cel.clone())).collect(),
        }
    }

    /// Whether the data stays as it is.
    pub(crate) fn is_empty(&self) -> bool {
        self.transform.is_none() && self.layout.is_empty()
    }
}
