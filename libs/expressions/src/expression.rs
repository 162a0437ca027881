//! What is an expression. Pure, and bounded in time and in depth: admission asks it about whatever anybody writes.
use crate::{order, reference};
use cel::{
    IdedExpr,
    parser::{ParseErrors, PrattParser},
};
use crds::installation::Expressions;
use std::{fmt, panic::catch_unwind};

/// How deep brackets and calls may nest in the text.
const DEEPEST: u16 = 48;
/// How many errors the parser looks for: the first is told.
const ERRORS: u32 = 4;
/// How much of the parser's words is shown, in characters.
const SHOWN: usize = 160;

/// An expression that can be evaluated.
#[derive(Debug)]
pub struct Expression {
    pub(crate) tree: IdedExpr,
}

/// Why a text is no [`Expression`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Malformed {
    /// Line and column, from 1, if there is one place to look at.
    pub at: Option<(usize, usize)>,
    /// What is wrong there, in one line.
    pub problem: String,
}

impl Expression {
    /// Reads an expression. Its length is bounded elsewhere: by `crds`.
    ///
    /// # Errors
    /// It breaks the grammar, nests too deeply, or names a variable that there is not.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        // What would be a bug of the parser is no reason to end whoever asks.
        let parsed = catch_unwind(|| parser().parse(text));
        let parsed = parsed.map_err(|_| Malformed::somewhere("it cannot be read"))?;
        let mut tree = parsed.map_err(|errors| Malformed::first(&errors))?;
        reference::check(&tree).map_err(|problem| Malformed::somewhere(&problem))?;
        order::put(&mut tree);
        Ok(Self { tree })
    }
}

fn parser() -> PrattParser {
    PrattParser::new()
        .max_recursion_depth(DEEPEST)
        .error_recovery_limit(ERRORS)
        .enable_optional_syntax(true)
        .enable_ident_escape_syntax(true)
}

impl Malformed {
    fn somewhere(problem: &str) -> Self {
        Self { at: None, problem: one_line(problem) }
    }

    fn first(errors: &ParseErrors) -> Self {
        let place = |number: isize| usize::try_from(number).ok().filter(|number| *number > 0);
        let mut placed = errors
            .errors
            .iter()
            .filter_map(|error| Some((error, (place(error.pos.0)?, place(error.pos.1)?))));
        match (placed.next(), errors.errors.first()) {
            (Some((error, at)), _) => Self { at: Some(at), ..Self::somewhere(plain(&error.msg)) },
            (None, Some(error)) => Self::somewhere(plain(&error.msg)),
            (None, None) => Self::somewhere("it cannot be read"),
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((line, column)) = self.at {
            write!(f, "line {line}, column {column}: ")?;
        }
        f.write_str(&self.problem)
    }
}

/// Without what every message begins with.
fn plain(message: &str) -> &str {
    message.strip_prefix("Syntax error: ").unwrap_or(message)
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SHOWN).collect()
}

/// The language in which specs have expressions, for whoever checks one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Language;

impl Expressions for Language {
    fn problem(&self, expression: &str) -> Option<String> {
        Expression::parse(expression).err().map(|malformed| malformed.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn problem(text: &str) -> String {
        Expression::parse(text).expect_err(text).to_string()
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        assert_eq!(problem("1 +"), "line 1, column 4: mismatched input '<EOF>' expecting expression");
        assert_eq!(problem("{\n  'a': [1,,2]\n}"), "line 2, column 11: unexpected token");
        assert_eq!(problem("bdy.items"), "there is no variable bdy; there are body, headers and status");
        assert!(problem("").starts_with("line 1, column 1: "));
    }

    #[test]
    fn what_the_language_has_is_an_expression() {
        for good in [
            "body",
            "body.items.map(item, item.name)",
            "body.items.filter(i, i.n > 1).map(i, {'name': i.name, 'text': string(i.n)})",
            "has(body.a) ? body.a : headers['content-type']",
            "status == 200 && body.all(k, k != '') || body.exists_one(x, x == 1)",
            "body.?a.orValue('none')",
            "base64.decode(body.data)",
            "[body, headers].map(x, x.map(y, [x, y]))",
            "type(body) == map",
            "size(body) > 3 ? 'a' : b'\\xff'",
        ] {
            assert!(Expression::parse(good).is_ok(), "{good}: {}", problem(good));
        }
    }

    #[test]
    fn a_variable_of_a_macro_is_known_inside_of_it_alone() {
        assert_eq!(
            problem("[1].map(x, x) + [x]"),
            "there is no variable x; there are body, headers and status"
        );
        assert!(Expression::parse("[1].map(x, [x].map(y, x + y))").is_ok());
    }

    /// The stack of a thread that serves is 2 MiB.
    #[test]
    fn no_text_is_too_deep_for_a_stack() {
        let of = |before: &str, inner: &str, after: &str, count: usize| {
            before.repeat(count) + inner + &after.repeat(count)
        };
        let deep = move || {
            for text in [
                of("(", "1", ")", 2000),
                of("[", "1", "]", 2000),
                of("{1:", "1", "}", 1000),
                of("!", "true", "", 4000),
                of("-", "status", "", 4000),
                of("size(", "1", ")", 600),
                of("[1].map(x,", "1", ")", 370),
                of("", "1", "+1", 2000),
                of("", "body", ".a", 2000),
                of("", "body", "[0]", 1300),
                of("", "body", ".a()", 1000),
                of("true?1:", "1", "", 580),
                of("1?", "1", ":1", 1000),
                of("", "true", "&&true", 680),
                of("", "true", "||true", 680),
                of("", "1", " in [1]", 580),
                of("a{b:", "1", "}", 800),
            ] {
                let told = Expression::parse(&text).err();
                assert!(told.is_none_or(|malformed| malformed.to_string().len() < 300));
            }
        };
        std::thread::Builder::new().stack_size(2 << 20).spawn(deep).unwrap().join().unwrap();
    }

    proptest! {
        #[test]
        fn any_text_is_an_expression_or_wrong_in_one_line(
            text in r#"([\[\](){}.,:?!<>=&|+*/% "'\\\n-]|body|map|has|x|0x|1\.|b'|r"|\PC){0,60}"#
        ) {
            if let Err(malformed) = Expression::parse(&text) {
                let told = malformed.to_string();
                prop_assert!(!told.contains(char::is_control) && told.len() < 1000, "{told:?}");
            }
        }
    }
}
