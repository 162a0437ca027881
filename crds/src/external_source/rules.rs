//! What makes an `ExternalSource` wrong, and what makes it unwise.
pub(super) mod address;
mod expressions;
mod hooks;
mod select;

use super::{ExternalSourceSpec, History, SecretKeyReference, pin::digest_of};
use crate::{
    duration,
    installation::{Allowed, Installation},
    names,
    rules::{FieldError, Rules, Violations},
    schedule::rules::schedules,
};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const LONGEST_PATH: usize = 255;

impl Rules for ExternalSourceSpec {
    fn violations(&self) -> Vec<FieldError> {
        let mut found = Violations::default();
        at_least(&mut found, "spec.interval", &self.interval, MINUTE);
        // A timeout that is none is named itself.
        let timeout = duration::parse(&self.timeout).unwrap_or_default().min(10 * MINUTE);
        schedules(&mut found, "spec.schedule", &self.schedule, timeout);
        if let Some(path) = &self.destination_path {
            destination_path(&mut found, path);
        }
        if self.max_retries < 0 {
            let detail = "must be 0 or more; 0 means the default, 3";
            found.invalid_number("spec.maxRetries", self.max_retries, detail);
        }
        between(&mut found, "spec.timeout", &self.timeout, Duration::from_secs(1)..=10 * MINUTE);
        if let Some(hooks) = &self.hooks {
            hooks::need_a_request(&mut found, hooks, &self.generator);
            hooks::hooks(&mut found, hooks);
        }
        expressions::expressions(&mut found, self);
        if let Some(selected) = &self.select {
            select::select(&mut found, selected, self);
        }
        self.generator.judge(&mut found);
        if let Some(kept) = &self.history {
            history(&mut found, kept);
        }
        if let Some(pin) = self.pin.as_deref().filter(|pin| digest_of(pin).is_none()) {
            let detail = "must be a whole revision as status.history names it: latest@sha256: and 64 digits in lower case";
            found.invalid("spec.pin", pin, detail);
        }
        found.into_vec()
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.destination_path.as_deref().is_some_and(|path| path.starts_with('/')) {
            warnings.push("spec.destinationPath: the leading / is stripped; paths are relative".into());
        }
        if let Some(settings) = self.generator.settings() {
            warnings.extend(settings.warnings());
        }
        warnings
    }
}

/// What is forbidden may be allowed elsewhere, or tomorrow. What is invalid stays so.
impl Allowed for ExternalSourceSpec {
    fn not_allowed(&self, installation: &Installation<'_>, found: &mut Violations) {
        if let Some(hooks) = &self.hooks {
            hooks::commands(hooks, installation, found);
        }
        expressions::language(self, installation, found);
        self.generator.not_allowed(installation, found);
    }
}

fn at_least(found: &mut Violations, path: &str, text: &str, least: Duration) {
    match duration::parse(text) {
        Err(error) => found.invalid(path, text, &error.to_string()),
        Ok(value) if value < least => {
            found.invalid(path, text, &format!("must be {} or more", short(least)));
        }
        Ok(_) => {}
    }
}

fn between(found: &mut Violations, path: &str, text: &str, range: std::ops::RangeInclusive<Duration>) {
    match duration::parse(text) {
        Err(error) => found.invalid(path, text, &error.to_string()),
        Ok(value) if !range.contains(&value) => {
            let (least, most) = (short(*range.start()), short(*range.end()));
            found.invalid(path, text, &format!("must be from {least} to {most}"));
        }
        Ok(_) => {}
    }
}

/// `1m`, not `1m0s`: what a person would type.
fn short(duration: Duration) -> String {
    match duration.as_secs() {
        0 => format!("{}ms", duration.as_millis()),
        seconds if seconds % 60 == 0 => format!("{}m", seconds / 60),
        seconds => format!("{seconds}s"),
    }
}

fn destination_path(found: &mut Violations, path: &str) {
    const FIELD: &str = "spec.destinationPath";
    if path.len() > LONGEST_PATH {
        found.too_long(FIELD, path.len(), LONGEST_PATH);
    }
    if path.split('/').any(|step| step.ends_with("..")) {
        found.invalid(FIELD, path, "must have no step that is or ends in .., which Flux refuses to unpack");
    }
    if path.contains(|c: char| c.is_control() || c == '\\') {
        found.invalid(FIELD, path, "must not contain control characters or backslashes");
    }
}

pub(super) fn secret_name(found: &mut Violations, path: &str, name: &str) {
    if !names::is_dns_subdomain(name) {
        let detail = "must be the name of a Secret: lower-case letters, digits, - and ., at most 253";
        found.invalid(path, name, detail);
    }
}

pub(super) fn secret_key(found: &mut Violations, path: &str, reference: &SecretKeyReference) {
    secret_name(found, &format!("{path}.name"), &reference.name);
    if !names::is_secret_key(&reference.key) {
        let detail = "must be a key of a Secret: letters, digits, -, _ and ., at most 253";
        found.invalid(&format!("{path}.key"), &reference.key, detail);
    }
}

fn history(found: &mut Violations, history: &History) {
    if !(1..=100).contains(&history.limit) {
        found.invalid_number("spec.history.limit", history.limit, "must be from 1 to 100");
    }
    if let Some(age) = &history.max_age {
        at_least(found, "spec.history.maxAge", age, MINUTE);
    }
}

#[cfg(test)]
mod tests;
