//! The API of Postern: types, defaults, rules, conditions and reasons.
//!
//! Everything here is pure: no client, no clock, no file, no async. It imports no other crate of ours, and every
//! other crate may import it. Start with [`external_source`], then [`rules`], which says how a spec is judged.
//!
//! Types are lenient, because whatever etcd holds must decode; strictness lives in `rules.rs` of each kind.
pub mod allowed_hosts;
pub mod annotations;
pub mod conditions;
pub mod decoded;
pub mod defaults;
pub mod duration;
pub mod entry_path;
pub mod external_artifact;
pub mod external_source;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod installation;
pub mod lease;
pub mod manifests;
pub mod names;
pub mod path_patterns;
pub mod reasons;
pub mod rules;
pub mod schedule;
pub mod structure;
pub mod versions;

pub use decoded::Decoded;
pub use external_artifact::ExternalArtifact;
pub use external_source::{ExternalSource, ExternalSourceSpec, ExternalSourceStatus};
