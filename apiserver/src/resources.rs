//! The resources of `subresources.postern.dev`, one file each. `externalsources` and `artifacts` are views as they are.
pub(crate) mod artifact;
pub(crate) mod content;
pub(crate) mod diff;
pub(crate) mod follow;
pub(crate) mod log;
pub(crate) mod preview;
pub(crate) mod provenance;
pub(crate) mod refresh;
mod revision;
pub(crate) mod rollback;
mod stored;
