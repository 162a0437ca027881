//! That a text is no more than can be read and evaluated. The parser and what it makes go down their stack at every bracket, and at
//! much of what stands beside each other.
use super::place;
use crate::expression::Malformed;
use jaq_core::load::lex::{Error, Lexer, StrPart, Tok, Token};

/// How deep brackets may nest, those within texts included.
const DEEPEST: usize = 48;
/// How many words and signs there may be.
const MOST: usize = 2048;

/// # Errors
/// It is too deep, too long, or has what is no word.
pub(super) fn check(text: &str) -> Result<(), Malformed> {
    let tokens = Lexer::new(text).lex().map_err(|errors| unread(text, &errors))?;
    let mut left = MOST;
    visit(text, &tokens, 0, &mut left)
}

/// What is told of that.
pub(super) fn unread(text: &str, errors: &[Error<&str>]) -> Malformed {
    match errors.first() {
        Some((expected, part)) => {
            Malformed::at(place(text, part), &format!("{} is expected", expected.as_str()))
        }
        None => Malformed::somewhere("it cannot be read"),
    }
}

fn visit(text: &str, tokens: &[Token<&str>], depth: usize, left: &mut usize) -> Result<(), Malformed> {
    for token in tokens {
        let refused = |problem: &str| Err(Malformed::at(place(text, token.0), problem));
        if depth > DEEPEST {
            return refused(&format!("it has more than {DEEPEST} brackets within each other"));
        }
        let Some(fewer) = left.checked_sub(1) else {
            return refused(&format!("it has more than {MOST} words and signs"));
        };
        *left = fewer;
        match &token.1 {
            Tok::Block(inner) => visit(text, inner, depth + 1, left)?,
            Tok::Str(parts) => {
                for part in parts {
                    if let StrPart::Term(Token(_, Tok::Block(inner))) = part {
                        visit(text, inner, depth + 1, left)?;
                    }
                }
            }
            Tok::Word | Tok::Var | Tok::Fmt | Tok::Num | Tok::Sym => {}
        }
    }
    Ok(())
}
