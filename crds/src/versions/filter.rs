//! Which tags count as versions at all: `semverFilter`, a regular expression.
use crate::rules::Violations;
use regex::{Regex, RegexBuilder};

const LONGEST: usize = 1024;
/// What one may compile to, in bytes.
const LARGEST: usize = 256 << 10;

/// A regular expression that some tags match.
#[derive(Clone, Debug)]
pub struct Filter(Regex);

impl Filter {
    /// Compiles it.
    ///
    /// # Errors
    /// It is no regular expression, or takes too much.
    pub fn new(text: &str) -> Result<Self, String> {
        let compiled = RegexBuilder::new(text).size_limit(LARGEST).build().map(Self);
        compiled.map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "must be a simpler regular expression".to_owned(),
            error => format!("must be a regular expression: {}", error.to_string().replace('\n', " ")),
        })
    }

    /// Whether a tag counts.
    pub fn lets_through(&self, tag: &str) -> bool {
        self.0.is_match(tag)
    }
}

/// Judges the text of a filter.
pub(crate) fn judge_filter(found: &mut Violations, field: &str, text: &str) {
    if text.len() > LONGEST {
        found.too_long(field, text.len(), LONGEST);
    } else if let Err(problem) = Filter::new(text) {
        found.invalid(field, text, &problem);
    }
}
