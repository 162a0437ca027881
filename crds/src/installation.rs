//! What an installation allows beyond what makes a spec right anywhere. Pure: whoever asks brings what the flags say.
use crate::{
    external_source::Hook,
    rules::{Invalid, Rules, Valid, Violations, check},
};

/// Which commands hooks may run.
pub trait Commands: Send + Sync {
    /// Why that hook may not run; `None` if it may. Shows neither arguments nor values.
    fn refusal(&self, hook: &Hook) -> Option<String>;
}

/// What this installation allows.
#[derive(Clone, Copy, Default)]
pub struct Installation<'a> {
    /// The commands that hooks may run; `None` where hooks are not enabled.
    pub commands: Option<&'a dyn Commands>,
}

/// A spec that asks for what not every installation has.
pub trait Allowed: Rules {
    /// Says what this installation does not allow.
    fn not_allowed(&self, installation: &Installation<'_>, found: &mut Violations);
}

/// As [`check`], and whether this installation allows it.
///
/// # Errors
/// Every violation at once.
pub fn check_here<'a, T: Allowed>(
    spec: &'a T,
    installation: &Installation<'_>,
) -> Result<Valid<'a, T>, Invalid> {
    let mut found = Violations::default();
    spec.not_allowed(installation, &mut found);
    let not_allowed = found.into_vec();
    match check(spec) {
        Ok(valid) if not_allowed.is_empty() => Ok(valid),
        Ok(_) => Err(Invalid::of(not_allowed)),
        Err(invalid) => Err(Invalid::of([invalid.errors(), &not_allowed].concat())),
    }
}
