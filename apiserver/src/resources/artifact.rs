//! `externalsources/artifact`: what is published now, or a stored revision by its name.
use super::revision;
use crate::{artifact::Artifact, shelf::Shelf, source_view::SourceView, sources::Sources};
use extension_apiserver::{
    api::{Call, Get, Parameter, Resource, Subresource},
    object::{Item, Key},
    status::Status,
};

/// Answers from memory; only of what is kept no longer the store must be asked.
pub(crate) struct NamedArtifact {
    pub(crate) sources: Sources,
    pub(crate) shelf: Shelf,
}

impl Resource for NamedArtifact {
    type Object = Artifact;
}

impl Subresource for NamedArtifact {
    type Parent = SourceView;
    const NAME: &'static str = "artifact";
    const PARAMETERS: &'static [Parameter] = &[revision::PARAMETER];
}

impl Get for NamedArtifact {
    async fn get(&self, call: &Call, key: &Key) -> Result<Item<Artifact>, Status> {
        let named = revision::named(&self.sources, &self.shelf, call, key).await?;
        // The object of the view, since one object must not show two versions.
        let shown = self.sources.artifacts.object(&Key::of(&named));
        shown.ok_or_else(|| revision::nothing_stored(call, key))
    }
}
