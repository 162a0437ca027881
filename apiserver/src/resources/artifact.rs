//! `externalsources/artifact`: what is published now.
use crate::{
    artifact::{self, Artifact},
    source_view::SourceView,
    sources::Sources,
};
use extension_apiserver::{
    api::{Call, Get, Resource, Subresource},
    object::{Item, Key},
    status::Status,
};
use http::StatusCode;

/// Answers from memory.
pub(crate) struct CurrentArtifact {
    pub(crate) sources: Sources,
}

impl Resource for CurrentArtifact {
    type Object = Artifact;
}

impl Subresource for CurrentArtifact {
    type Parent = SourceView;
    const NAME: &'static str = "artifact";
}

impl Get for CurrentArtifact {
    async fn get(&self, call: &Call, key: &Key) -> Result<Item<Artifact>, Status> {
        let source = self.sources.get(key).ok_or_else(|| call.not_found())?;
        let current = artifact::current_of(&source).ok_or_else(|| nothing_stored(&key.name))?;
        // The object of the view, since one object must not show two versions.
        self.sources.artifacts.object(&Key::of(&current)).ok_or_else(|| nothing_stored(&key.name))
    }
}

/// There is a source, but no artifact of it yet.
pub(crate) fn nothing_stored(name: &str) -> Status {
    let why = format!("`kubectl describe externalsource {name}` says why");
    let message = format!("externalsource {name:?} has no artifact yet; {why}");
    Status::new(StatusCode::NOT_FOUND, "NotFound", message)
}
