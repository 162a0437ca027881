//! The grammar of label selectors: words, parentheses and operators.
use super::{Operator, Requirement};

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Symbol(&'static str),
}

impl Token {
    fn text(&self) -> &str {
        match self {
            Self::Word(word) => word,
            Self::Symbol(symbol) => symbol,
        }
    }
}

/// Longest first, so that `==` is not read as `=` twice.
const SYMBOLS: [&str; 9] = ["==", "!=", "=", "!", ",", "(", ")", ">", "<"];

pub(super) fn parse(text: &str) -> Result<Vec<Requirement>, String> {
    let mut tokens = Tokens { tokens: tokens(text), next: 0 };
    let mut requirements = Vec::new();
    if tokens.at_end() {
        return Ok(requirements);
    }
    loop {
        requirements.push(requirement(&mut tokens)?);
        if tokens.at_end() {
            requirements.sort_by(|a: &Requirement, b| a.key.cmp(&b.key));
            return Ok(requirements);
        }
        tokens.expect(",", "',' or 'end of string'")?;
    }
}

struct Tokens {
    tokens: Vec<Token>,
    next: usize,
}

impl Tokens {
    fn at_end(&self) -> bool {
        self.next >= self.tokens.len()
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    fn sees(&self, symbol: &str) -> bool {
        self.peek().is_some_and(|token| matches!(token, Token::Symbol(seen) if *seen == symbol))
    }

    fn take(&mut self, symbol: &str) -> bool {
        let seen = self.sees(symbol);
        self.next += usize::from(seen);
        seen
    }

    fn expect(&mut self, symbol: &str, expected: &str) -> Result<(), String> {
        if self.take(symbol) { Ok(()) } else { Err(self.unexpected(expected)) }
    }

    fn word(&mut self, expected: &str) -> Result<String, String> {
        let Some(Token::Word(word)) = self.peek().cloned() else { return Err(self.unexpected(expected)) };
        self.next += 1;
        Ok(word)
    }

    fn unexpected(&self, expected: &str) -> String {
        let found = self.peek().map(Token::text).unwrap_or_default();
        format!("found '{found}', expected: {expected}")
    }
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let symbol = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol));
        let length = match symbol {
            Some(symbol) => {
                tokens.push(Token::Symbol(symbol));
                symbol.len()
            }
            None => {
                let ends = |letter: char| letter.is_whitespace() || "=!,()><".contains(letter);
                let end = rest.find(ends).unwrap_or(rest.len());
                tokens.push(Token::Word(rest[..end].to_owned()));
                end
            }
        };
        rest = rest[length..].trim_start();
    }
    tokens
}

fn requirement(tokens: &mut Tokens) -> Result<Requirement, String> {
    let absent = tokens.take("!");
    let key = tokens.word("identifier")?;
    if !is_label_key(&key) {
        return Err(format!("<nil>: Invalid value: {key:?}: not a label key"));
    }
    if absent {
        return Ok(Requirement { key, operator: Operator::DoesNotExist, values: Vec::new() });
    }
    if tokens.at_end() || tokens.sees(",") {
        return Ok(Requirement { key, operator: Operator::Exists, values: Vec::new() });
    }
    let (operator, values) = comparison(tokens)?;
    let is_order = matches!(operator, Operator::GreaterThan | Operator::LessThan);
    if is_order && values.first().is_none_or(|value| value.parse::<i64>().is_err()) {
        return Err(format!("values[0][{key}]: Invalid value: {:?}: must be an integer", values.concat()));
    }
    match values.iter().find(|value| !is_label_value(value)) {
        Some(bad) => Err(format!("values[0][{key}]: Invalid value: {bad:?}: not a label value")),
        None => Ok(Requirement { key, operator, values }),
    }
}

fn comparison(tokens: &mut Tokens) -> Result<(Operator, Vec<String>), String> {
    let expected = "in, notin, =, ==, !=, gt, lt";
    let Some(token) = tokens.peek().cloned() else { return Err(tokens.unexpected(expected)) };
    let operator = match token.text() {
        "=" | "==" | "in" => Operator::In,
        "!=" | "notin" => Operator::NotIn,
        ">" => Operator::GreaterThan,
        "<" => Operator::LessThan,
        _ => return Err(tokens.unexpected(expected)),
    };
    tokens.next += 1;
    let values = match token {
        Token::Word(_) => set(tokens)?,
        Token::Symbol(_) if tokens.at_end() || tokens.sees(",") => vec![String::new()],
        Token::Symbol(_) => vec![tokens.word("identifier")?],
    };
    Ok((operator, values))
}

/// `(a,b)`; a missing word between two commas is the empty value.
fn set(tokens: &mut Tokens) -> Result<Vec<String>, String> {
    tokens.expect("(", "'('")?;
    let mut values = Vec::new();
    loop {
        let is_empty = tokens.sees(",") || tokens.sees(")");
        values.push(if is_empty { String::new() } else { tokens.word("identifier")? });
        if tokens.take(")") {
            values.sort_unstable();
            values.dedup();
            return Ok(values);
        }
        tokens.expect(",", "',' or ')'")?;
    }
}

fn is_label_key(key: &str) -> bool {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let is_prefix = |prefix: &str| {
        prefix.len() <= 253
            && prefix.split('.').all(|label| {
                let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
                !label.is_empty()
                    && label.bytes().all(fits)
                    && !label.starts_with('-')
                    && !label.ends_with('-')
            })
    };
    !name.is_empty() && is_label_value(name) && prefix.is_none_or(is_prefix)
}

fn is_label_value(value: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let edge = |byte: Option<u8>| byte.is_none_or(|byte| byte.is_ascii_alphanumeric());
    let bytes = value.as_bytes();
    value.len() <= 63
        && bytes.iter().copied().all(inner)
        && edge(bytes.first().copied())
        && edge(bytes.last().copied())
}
