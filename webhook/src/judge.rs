//! One spec before its rules. Pure.
use crate::patch;
use crds::{
    defaults::Defaults,
    installation::{Allowed, Installation, check_here},
    rules::Invalid,
};
use json_patch::PatchOperation;
use serde::{Serialize, de::DeserializeOwned};

/// What becomes of a spec.
pub(crate) enum Judgement {
    /// It is no such spec; why.
    Unreadable(String),
    /// It breaks rules.
    Refused(Invalid),
    /// It is good, with what is unwise about it, and what its defaults change.
    Accepted { warnings: Vec<String>, changes: Vec<PatchOperation> },
}

/// Completes a spec and checks it. Warnings are about what the user wrote, so they come before the defaults.
pub(crate) fn judge<S>(json: &str, installation: &Installation<'_>) -> Judgement
where
    S: Allowed + Defaults + Clone + PartialEq + Serialize + DeserializeOwned,
{
    let written: S = match serde_json::from_str(json) {
        Ok(spec) => spec,
        Err(error) => return Judgement::Unreadable(error.to_string()),
    };
    let mut spec = written.clone();
    spec.set_defaults();
    if let Err(invalid) = check_here(&spec, installation) {
        return Judgement::Refused(invalid);
    }
    let changes = if spec == written { Vec::new() } else { patch::spec(json, &written, &spec) };
    Judgement::Accepted { warnings: written.warnings(), changes }
}
