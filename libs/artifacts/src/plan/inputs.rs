//! One digest over everything that shapes an artifact.
//!
//! Every field is written with its name and its length, so that no two different inputs have the same bytes.
//! Secrets enter by name and version: their values leave no trace, not even a hash that could be guessed against.
use super::{Hook, ReferencedSecret, Shape};
use crate::{Digest, Hasher, pack::PACKER_VERSION};
use crds::external_source::{Language, RetryPolicy, Select, Unpack};
use expressions::Program;

/// Whether a failure is ignored shapes what is published; whether it is tried again does not.
fn ignores(policy: RetryPolicy) -> &'static str {
    if policy == RetryPolicy::Ignore { "ignore" } else { "fail" }
}

/// The name of an expression, by its language: the same text is something else in another one.
fn of_language(
    cel: &'static str,
    jq: &'static str,
    template: &'static str,
    program: &Program,
) -> &'static str {
    match program.language {
        Language::Cel => cel,
        Language::Jq => jq,
        Language::Template => template,
    }
}

/// What has been written so far.
pub(crate) struct Inputs(Hasher);

impl Inputs {
    /// Nothing yet, but which packer it is.
    pub(super) fn new() -> Self {
        let mut inputs = Self(Hasher::new());
        inputs.text("packer", &PACKER_VERSION.to_string());
        inputs
    }

    pub(super) fn finish(self) -> Digest {
        self.0.finish()
    }

    pub(crate) fn text(&mut self, name: &str, value: &str) {
        for part in [name, value] {
            self.0.update(&(part.len() as u64).to_be_bytes());
            self.0.update(part.as_bytes());
        }
    }

    /// An absent value is written as no field at all, which differs from an empty one.
    pub(crate) fn optional(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    pub(crate) fn list(&mut self, name: &str, values: impl Iterator<Item = impl ToString>) {
        for value in values {
            self.text(name, &value.to_string());
        }
    }

    pub(super) fn hooks(&mut self, list: &str, hooks: &[Hook]) {
        for hook in hooks {
            self.text(list, &hook.command.program);
            self.list("arg", hook.command.args.iter());
            for (name, value) in &hook.command.env {
                self.text("variable", name);
                self.text("value", value);
            }
            self.text("policy", ignores(hook.policy));
        }
    }

    pub(super) fn shape(&mut self, shape: &Shape) {
        if let Some(program) = &shape.transform {
            self.text(of_language("transform", "transformJq", "transformTemplate", program), &program.text);
        }
        for (path, program) in &shape.layout {
            self.text("layoutPath", path.as_str());
            self.text(of_language("layoutExpression", "layoutJq", "layoutTemplate", program), &program.text);
        }
    }

    pub(super) fn select(&mut self, select: &Select) {
        self.list("stripComponents", select.strip_components.into_iter().filter(|stripped| *stripped > 0));
        self.list("include", select.include.iter());
        self.list("exclude", select.exclude.iter());
    }

    pub(crate) fn secret(&mut self, name: &str, secret: &ReferencedSecret) {
        self.text(name, &secret.name);
        self.text(name, &secret.version);
    }

    pub(crate) fn unpack(&mut self, unpack: Unpack) {
        let unpack = match unpack {
            Unpack::Never => "Never",
            Unpack::Auto => "Auto",
            Unpack::Always => "Always",
        };
        self.text("unpack", unpack);
    }
}
