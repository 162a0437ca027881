//! Expressions as a plan has them.
use crate::EntryPath;
use crds::{ExternalSourceSpec, external_source::Expression};
use expressions::Program;

/// What expressions make of the data.
#[derive(Clone, Default)]
pub(crate) struct Shape {
    /// Other data.
    pub(crate) transform: Option<Program>,
    /// Files, which come as one archive.
    pub(crate) layout: Vec<(EntryPath, Program)>,
}

impl Shape {
    pub(super) fn new(spec: &ExternalSourceSpec) -> Self {
        let path = |path: &str| EntryPath::new(path).expect("the rules accepted this path");
        Self {
            transform: spec.transform.as_ref().map(program),
            layout: spec.layout.iter().map(|file| (path(&file.path), program(&file.expression))).collect(),
        }
    }

    /// Whether the data stays as it is.
    pub(crate) fn is_empty(&self) -> bool {
        self.transform.is_none() && self.layout.is_empty()
    }
}

fn program(expression: &Expression) -> Program {
    let (language, text) = expression.set().next().expect("the rules want one");
    Program { language, text: text.to_owned() }
}
