//! What is an expression, in the languages that there are. Pure, and bounded in time and in depth: admission asks about whatever
//! anybody writes.
use crate::{cel, jq, template};
use crds::{external_source::Language, installation::Expressions};
use serde::{Deserialize, Serialize};
use std::{fmt, thread};

/// How much of a parser's words is shown, in characters.
const SHOWN: usize = 160;
/// The stack on which a text is read, in bytes. Parsers go down as deep as a text nests before anybody can count that; in a debug
/// build 4,096 brackets, the most that the rules let through, take a third of it. What is not used is never memory.
const STACK: usize = 64 << 20;

/// An expression, which may be none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// What it is written in.
    pub language: Language,
    /// What it says.
    pub text: String,
}

/// Why a text is no expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) struct Malformed {
    at: Option<Place>,
    problem: String,
}

/// Where to look, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: Option<usize>,
}

impl Place {
    /// Where that byte of a text is.
    pub(crate) fn of(text: &str, byte: usize) -> Self {
        let before = text.get(..byte).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or(before).chars().count() + 1;
        Self { line, column: Some(column) }
    }
}

impl Malformed {
    pub(crate) fn somewhere(problem: &str) -> Self {
        let line = problem.chars().map(|c| if c.is_control() { ' ' } else { c });
        Self { at: None, problem: line.take(SHOWN).collect() }
    }

    pub(crate) fn at(place: Place, problem: &str) -> Self {
        Self { at: Some(place), ..Self::somewhere(problem) }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some(Place { line, column: Some(column) }) => write!(f, "line {line}, column {column}: ")?,
            Some(Place { line, column: None }) => write!(f, "line {line}: ")?,
            None => {}
        }
        f.write_str(&self.problem)
    }
}

/// The languages in which specs have expressions, for whoever checks one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Languages;

impl Expressions for Languages {
    fn problem(&self, language: Language, text: &str) -> Option<String> {
        thread::scope(|scope| {
            let reader = thread::Builder::new().stack_size(STACK);
            // Without a thread nothing is said against it: whoever evaluates it reads it again.
            let reading = reader.spawn_scoped(scope, || problem(language, text)).ok()?;
            // What would be a bug of a parser is no reason to end whoever asks.
            reading.join().unwrap_or_else(|_| Some("it cannot be read".to_owned()))
        })
    }
}

fn problem(language: Language, text: &str) -> Option<String> {
    let malformed = match language {
        Language::Cel => cel::Program::parse(text).err(),
        Language::Jq => jq::Program::parse(text).err(),
        Language::Template => template::Program::parse(text).err(),
    };
    malformed.map(|malformed| malformed.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As long as the rules let anything be.
    const LONGEST: usize = 4096;

    fn filled(before: &str, inner: &str, after: &str) -> String {
        let count = (LONGEST - inner.len()) / (before.len() + after.len());
        before.repeat(count) + inner + &after.repeat(count)
    }

    #[test]
    fn a_place_is_counted_in_characters() {
        let text = "ü\näb|c";
        assert_eq!(Place::of(text, text.len()), Place { line: 2, column: Some(5) });
        assert_eq!(Place::of(text, 0), Place { line: 1, column: Some(1) });
        assert_eq!(Place::of(text, 999), Place { line: 2, column: Some(5) });
    }

    #[test]
    fn no_text_is_too_deep_for_a_stack() {
        for (language, texts) in [
            (Language::Cel, &[("(", "1", ")"), ("[", "1", "]"), ("!", "true", ""), ("", "1", "+1")][..]),
            (
                Language::Jq,
                &[
                    ("(", ".", ")"),
                    ("(", "", ""),
                    ("[", ".", "]"),
                    ("{a:", ".", "}"),
                    ("\"\\(", ".", ")\""),
                    ("-", "1", ""),
                    ("", ".", "|."),
                    ("", "1", "+1"),
                    ("", "1", ",1"),
                    ("", ".", ".a"),
                    ("", ".", "[0]"),
                    ("", ".", "//1"),
                    ("def f:", ".", ";."),
                    ("def f:.;", ".", ""),
                    ("try ", ".", ""),
                    ("if . then ", ".", " end"),
                    ("reduce . as $x(", ".", ";.)"),
                    ("label $x|", ".", ""),
                    (". as $x|", ".", ""),
                    (". as [", "$x", "]|."),
                    ("map(", ".", ")"),
                    ("", ".", "?"),
                ],
            ),
            (
                Language::Template,
                &[
                    ("{{(", "1", ")}}"),
                    ("{% if body %}", "", "{% endif %}"),
                    ("{% for x in body %}", "", "{% endfor %}"),
                    ("{{ body }}", "", ""),
                    ("{#", "", "#}"),
                ],
            ),
        ] {
            for (before, inner, after) in texts {
                let told = Languages.problem(language, &filled(before, inner, after));
                assert!(told.is_none_or(|told| told.len() < 300), "{before}");
            }
        }
        for inner in ["1+", "(", "[", "-", "not ", "1 if ", "body.", "{1:", "body|", "~1", "1**", "1 and "] {
            let text = format!("{{{{{}1}}}}", inner.repeat((LONGEST - 5) / inner.len()));
            let told = Languages.problem(Language::Template, &text);
            assert!(told.is_none_or(|told| told.len() < 300), "{inner}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_an_expression_or_wrong_in_one_line(
            language in prop_oneof![Just(Language::Cel), Just(Language::Jq), Just(Language::Template)],
            text in r#"([\[\](){}.,:?!<>=&|+*/%$@#; "'\\\n-]|body|map|has|x|0x|1\.|b'|r"|\{\{|\}\}|\{%|%\}|if|for|in|def|as|reduce|\PC){0,60}"#
        ) {
            if let Some(told) = Languages.problem(language, &text) {
                prop_assert!(!told.contains(char::is_control) && told.len() < 1000, "{told:?}");
            }
        }
    }
}
