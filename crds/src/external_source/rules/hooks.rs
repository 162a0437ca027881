//! What makes a hook wrong anywhere, and what this installation says of it.
use super::{Violations, between};
use crate::{
    external_source::{Generator, Hook, Hooks, Settings},
    installation::Installation,
    names,
};
use std::{collections::HashSet, time::Duration};

/// Each of them is a process.
const MOST_HOOKS: usize = 10;
const MOST_ARGS: usize = 64;
const MOST_VARIABLES: usize = 64;
/// They travel in a header.
const LARGEST: usize = 32 * 1024;
const TIMEOUT: std::ops::RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(600);

/// Both lists, with the names of their fields.
fn lists(hooks: &Hooks) -> [(&'static str, &[Hook]); 2] {
    [("spec.hooks.preRequest", &hooks.pre_request), ("spec.hooks.postRequest", &hooks.post_request)]
}

/// Only a generator that makes an HTTP request lets hooks change one.
pub(super) fn need_a_request(found: &mut Violations, hooks: &Hooks, generator: &Generator) {
    let changes_requests = generator.settings().is_none_or(Settings::takes_request_hooks);
    if !changes_requests && !hooks.pre_request.is_empty() {
        let detail = "there is no HTTP request to change unless spec.generator.type is http";
        found.forbidden("spec.hooks.preRequest", detail);
    }
}

pub(super) fn hooks(found: &mut Violations, hooks: &Hooks) {
    for (path, list) in lists(hooks) {
        if list.len() > MOST_HOOKS {
            found.invalid_number(path, list.len() as i64, "must be 10 hooks or fewer");
        }
        let mut seen = HashSet::new();
        for (i, hook) in list.iter().enumerate() {
            let path = format!("{path}[{i}]");
            if !seen.insert(&hook.name) {
                found.invalid(
                    &format!("{path}.name"),
                    &hook.name,
                    "must be the name of one hook in its list",
                );
            }
            one(found, &path, hook);
        }
    }
}

fn one(found: &mut Violations, path: &str, hook: &Hook) {
    if !(names::is_dns_subdomain(&hook.name) && hook.name.len() <= 63) {
        let detail = "must be lower-case letters, digits, - and ., at most 63";
        found.invalid(&format!("{path}.name"), &hook.name, detail);
    }
    if hook.command.is_empty() || hook.command.contains(char::is_control) {
        let detail = "must be a program, as the whitelist of this installation names it";
        found.invalid(&format!("{path}.command"), &hook.command, detail);
    }
    between(found, &format!("{path}.timeout"), &hook.timeout, TIMEOUT);
    arguments(found, path, hook);
    environment(found, path, hook);
    let size = hook.command.len()
        + hook.args.iter().map(String::len).sum::<usize>()
        + hook.env.iter().map(|variable| variable.name.len() + variable.value.len()).sum::<usize>();
    if size > LARGEST {
        found.too_long(path, size, LARGEST);
    }
}

fn arguments(found: &mut Violations, path: &str, hook: &Hook) {
    if hook.args.len() > MOST_ARGS {
        let detail = "must be 64 arguments or fewer";
        found.invalid_number(&format!("{path}.args"), hook.args.len() as i64, detail);
    }
    for (i, argument) in hook.args.iter().enumerate() {
        if argument.contains(|c: char| c.is_control() && c != '\t') {
            found.forbidden(
                &format!("{path}.args[{i}]"),
                "must hold no line break or other control character",
            );
        }
    }
}

/// Values are never shown.
fn environment(found: &mut Violations, path: &str, hook: &Hook) {
    if hook.env.len() > MOST_VARIABLES {
        let detail = "must be 64 variables or fewer";
        found.invalid_number(&format!("{path}.env"), hook.env.len() as i64, detail);
    }
    let mut seen = HashSet::new();
    for (i, variable) in hook.env.iter().enumerate() {
        let field = format!("{path}.env[{i}].name");
        if !names::is_env_name(&variable.name) {
            found.invalid(&field, &variable.name, "must be letters, digits and _, without a digit in front");
        } else if names::steers_programs(&variable.name) {
            let detail =
                "must not be a variable that changes what programs load or run, such as PATH or LD_PRELOAD";
            found.forbidden(&field, detail);
        }
        if !seen.insert(&variable.name) {
            found.invalid(&field, &variable.name, "must be set once");
        }
        if variable.value.contains('\0') {
            found.forbidden(&format!("{path}.env[{i}].value"), "must not contain NUL");
        }
    }
}

/// Asks this installation about every command.
pub(super) fn commands(hooks: &Hooks, installation: &Installation<'_>, found: &mut Violations) {
    const DISABLED: &str = "hooks are not enabled on this installation; remove them";
    for (path, list) in lists(hooks) {
        match installation.commands {
            None if !list.is_empty() => found.forbidden(path, DISABLED),
            None => {}
            Some(commands) => {
                let refusals = list.iter().map(|hook| commands.refusal(hook)).enumerate();
                for (i, why) in refusals.filter_map(|(i, refusal)| Some((i, refusal?))) {
                    found.forbidden(&format!("{path}[{i}]"), &why);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
