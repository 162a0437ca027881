//! What an installation allows beyond what makes a spec right anywhere. Pure: whoever asks brings what the flags say.
use crate::{
    allowed_hosts::NamespaceHosts,
    external_source::{Hook, Language},
    rules::{FieldError, Invalid, Rules, Valid, Violations, check},
};

/// Which commands hooks may run.
pub trait Commands: Send + Sync {
    /// Why that hook may not run; `None` if it may. Shows neither arguments nor values.
    fn refusal(&self, hook: &Hook) -> Option<String>;
}

/// The languages of expressions. Which programs read them is no matter of the API.
pub trait Expressions: Send + Sync {
    /// Why a text is no expression in that language, in one line and with its place; `None` if it is one.
    fn problem(&self, language: Language, expression: &str) -> Option<String>;
}

/// What this installation allows.
#[derive(Clone, Copy, Default)]
pub struct Installation<'a> {
    /// The commands that hooks may run; `None` where hooks are not enabled.
    pub commands: Option<&'a dyn Commands>,
    /// What reads expressions; `None` where there may be none.
    pub expressions: Option<&'a dyn Expressions>,
    /// The hosts that sources of the namespace may lead to; `None` where every host is allowed.
    pub hosts: Option<&'a NamespaceHosts>,
    /// Whether certificates must be verified, whatever a spec says.
    pub must_verify: bool,
}

/// A spec that asks for what not every installation has.
pub trait Allowed: Rules {
    /// Says what this installation does not allow.
    fn not_allowed(&self, installation: &Installation<'_>, found: &mut Violations);
}

/// Whether this installation allows what is right anywhere.
///
/// # Errors
/// Everything at once that it does not allow.
pub fn allowed<'a, T: Allowed>(
    spec: Valid<'a, T>,
    installation: &Installation<'_>,
) -> Result<Valid<'a, T>, Invalid> {
    let not_allowed = refusals(&*spec, installation);
    if not_allowed.is_empty() { Ok(spec) } else { Err(Invalid::of(not_allowed)) }
}

/// As [`check`], and whether this installation allows it.
///
/// # Errors
/// Every violation at once.
pub fn check_here<'a, T: Allowed>(
    spec: &'a T,
    installation: &Installation<'_>,
) -> Result<Valid<'a, T>, Invalid> {
    match check(spec) {
        Ok(valid) => allowed(valid, installation),
        Err(invalid) => Err(Invalid::of([invalid.errors(), &refusals(spec, installation)].concat())),
    }
}

fn refusals<T: Allowed>(spec: &T, installation: &Installation<'_>) -> Vec<FieldError> {
    let mut found = Violations::default();
    spec.not_allowed(installation, &mut found);
    found.into_vec()
}
