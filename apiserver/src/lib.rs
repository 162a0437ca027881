//! Answers kubectl: artifact and content of a source, and the artifacts view.
pub mod artifact;
