//! Which commands may run, with which arguments. Read from the operator's file: that of the original, and stricter.
//!
//! A rule stands for the command exactly as it is written: a rule for `jq` does not admit `/tmp/jq`. A pattern must match
//! the whole argument. Without patterns any argument is good but an option, since what options can do is seldom
//! what was thought of.
mod interpreters;

use crds::{external_source::Hook, installation::Commands, names};
use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Larger files are refused: they are read again every second.
const LARGEST: usize = 1 << 20;
/// What one compiled pattern may take.
const LARGEST_PATTERN: usize = 1 << 20;

/// The commands that may run.
#[derive(Debug, Default)]
pub struct Whitelist {
    rules: BTreeMap<String, Rule>,
}

#[derive(Debug)]
struct Rule {
    allowed: bool,
    patterns: Vec<Regex>,
}

/// Why a file is no whitelist.
#[derive(Debug, thiserror::Error)]
pub enum Invalid {
    /// It is larger than it may be.
    #[error("the whitelist is larger than 1 MiB")]
    TooLarge,
    /// It is not the YAML that is expected.
    #[error("the whitelist cannot be read: {0}")]
    Unreadable(String),
    /// A pattern is no regular expression.
    #[error("argumentPatterns[{index}] of {command} is no regular expression")]
    Pattern {
        /// The command.
        command: String,
        /// Which of its patterns.
        index: usize,
        /// What is wrong.
        #[source]
        source: Box<regex::Error>,
    },
}

/// Why a command may not run. Arguments and values are never shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Nobody has listed it.
    #[error("the command is not on the whitelist of this installation")]
    NotListed,
    /// It is listed with `allowed: false`.
    #[error("the whitelist of this installation forbids the command")]
    Forbidden,
    /// No pattern matches an argument.
    #[error("argument {0} matches no pattern that the whitelist of this installation has for the command")]
    Argument(usize),
    /// An option, where the rule speaks of none.
    #[error(
        "argument {0} is an option, and the whitelist of this installation has no argumentPatterns for the command"
    )]
    Option(usize),
    /// A control character.
    #[error("argument {0} holds a line break or another control character")]
    Control(usize),
    /// A variable that changes what a command does before it begins.
    #[error("a hook may not set the environment variable {0}")]
    Environment(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    commands: BTreeMap<String, Option<Entry>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Entry {
    allowed: Option<bool>,
    #[serde(default)]
    argument_patterns: Option<Vec<String>>,
}

impl Whitelist {
    /// Reads a file's text.
    ///
    /// # Errors
    /// Something in it cannot be used; half a whitelist is none.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.len() > LARGEST {
            return Err(Invalid::TooLarge);
        }
        let file: File =
            serde_saphyr::from_str(text).map_err(|error| Invalid::Unreadable(error.to_string()))?;
        let rule = |(command, entry): (String, Option<Entry>)| {
            let rule = Rule::new(&command, entry.unwrap_or_default())?;
            Ok((command, rule))
        };
        Ok(Self { rules: file.commands.into_iter().map(rule).collect::<Result<_, _>>()? })
    }

    /// Whether a command may run so.
    ///
    /// # Errors
    /// It may not.
    pub fn check<'a>(
        &self,
        command: &str,
        args: &[String],
        env: impl IntoIterator<Item = &'a String>,
    ) -> Result<(), Denied> {
        let rule = self.rules.get(command).ok_or(Denied::NotListed)?;
        if !rule.allowed {
            return Err(Denied::Forbidden);
        }
        for (index, argument) in args.iter().enumerate() {
            rule.check(index, argument)?;
        }
        let steering = |name: &&String| !names::is_env_name(name) || names::steers_programs(name);
        match env.into_iter().find(steering) {
            Some(name) => Err(Denied::Environment(name.escape_default().to_string())),
            None => Ok(()),
        }
    }

    /// What is allowed but unwise, a sentence each.
    pub fn warnings(&self) -> Vec<String> {
        let allowed = self.rules.iter().filter(|(_, rule)| rule.allowed);
        let unwise = allowed.filter(|(command, _)| interpreters::is_one(command));
        let said = |(command, _): (&String, _)| {
            format!(
                "{command} runs whatever its arguments or input say, so that the whitelist guards nothing behind it"
            )
        };
        unwise.map(said).collect()
    }
}

impl Rule {
    fn new(command: &str, entry: Entry) -> Result<Self, Invalid> {
        let pattern = |(index, text): (usize, &String)| {
            anchored(text).map_err(|source| Invalid::Pattern {
                command: command.to_owned(),
                index,
                source: Box::new(source),
            })
        };
        let patterns = entry.argument_patterns.unwrap_or_default();
        Ok(Self {
            allowed: entry.allowed.unwrap_or(true),
            patterns: patterns.iter().enumerate().map(pattern).collect::<Result<_, _>>()?,
        })
    }

    fn check(&self, index: usize, argument: &str) -> Result<(), Denied> {
        if argument.contains(|c: char| c.is_control() && c != '\t') {
            return Err(Denied::Control(index));
        }
        if self.patterns.is_empty() {
            return if argument.starts_with('-') { Err(Denied::Option(index)) } else { Ok(()) };
        }
        let matches = self.patterns.iter().any(|pattern| pattern.is_match(argument));
        if matches { Ok(()) } else { Err(Denied::Argument(index)) }
    }
}

/// The pattern over a whole text. It must be one by itself first: `a)|(?:b` would otherwise climb out of the anchors.
fn anchored(text: &str) -> Result<Regex, regex::Error> {
    let compiled = |text: &str| RegexBuilder::new(text).size_limit(LARGEST_PATTERN).build();
    compiled(text)?;
    compiled(&format!(r"\A(?:{text})\z"))
}

impl Commands for Whitelist {
    fn refusal(&self, hook: &Hook) -> Option<String> {
        let names = hook.env.iter().map(|variable| &variable.name);
        self.check(&hook.command, &hook.args, names).err().map(|denied| denied.to_string())
    }
}

#[cfg(test)]
mod tests;
