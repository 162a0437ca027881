//! The grammar of label selectors: words, parentheses and operators, judged in the words of k8s.io/apimachinery.
use super::{Operator, Requirement, label, pace::Pace};
use std::collections::BTreeSet;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Symbol(&'static str),
    End,
}

impl<'a> Token<'a> {
    fn text(&self) -> &'a str {
        match self {
            Self::Word(word) => word,
            Self::Symbol(symbol) => symbol,
            Self::End => "",
        }
    }

    fn starts_requirement(&self) -> bool {
        matches!(self, Self::Word(_) | Self::Symbol("!"))
    }
}

/// Longest first, so that `==` is not read as `=` twice.
const SYMBOLS: [&str; 9] = ["==", "!=", "=", "!", ",", "(", ")", ">", "<"];

/// Values of one term whose faults are told: each takes hundreds of bytes to tell.
const MOST_FAULTS: usize = 100;

pub(super) async fn parse(text: &str, pace: &mut Pace) -> Result<Vec<Requirement>, String> {
    let mut tokens = Tokens::of(text);
    let mut requirements = Vec::new();
    if tokens.peek() == Token::End {
        return Ok(requirements);
    }
    if !tokens.peek().starts_requirement() {
        return Err(tokens.unexpected("!, identifier, or 'end of string'"));
    }
    loop {
        pace.step().await;
        let requirement = requirement(&mut tokens, pace).await;
        requirements.push(requirement.map_err(|why| format!("unable to parse requirement: {why}"))?);
        if tokens.peek() == Token::End {
            requirements.sort_by(|a: &Requirement, b| a.key.cmp(&b.key));
            return Ok(requirements);
        }
        tokens.expect(",", "',' or 'end of string'")?;
        if !tokens.peek().starts_requirement() {
            return Err(tokens.unexpected("identifier after ','"));
        }
    }
}

/// The tokens of a selector, each read when it is its turn; behind the last one the end is seen for ever.
struct Tokens<'a> {
    next: Token<'a>,
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    fn of(text: &'a str) -> Self {
        let mut tokens = Self { next: Token::End, rest: text };
        tokens.advance();
        tokens
    }

    fn advance(&mut self) {
        let rest = self.rest.trim_start_matches(is_space);
        let symbol = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol));
        let ends = |letter: char| is_space(letter) || "=!,()><".contains(letter);
        self.next = match symbol {
            Some(symbol) => Token::Symbol(symbol),
            None if rest.is_empty() => Token::End,
            None => Token::Word(&rest[..rest.find(ends).unwrap_or(rest.len())]),
        };
        self.rest = &rest[self.next.text().len()..];
    }

    fn peek(&self) -> Token<'a> {
        self.next
    }

    fn sees(&self, symbol: &'static str) -> bool {
        self.peek() == Token::Symbol(symbol)
    }

    fn take(&mut self, symbol: &'static str) -> bool {
        let seen = self.sees(symbol);
        if seen {
            self.advance();
        }
        seen
    }

    fn expect(&mut self, symbol: &'static str, expected: &str) -> Result<(), String> {
        if self.take(symbol) { Ok(()) } else { Err(self.unexpected(expected)) }
    }

    fn word(&mut self, expected: &str) -> Result<&'a str, String> {
        let Token::Word(word) = self.peek() else { return Err(self.unexpected(expected)) };
        self.advance();
        Ok(word)
    }

    fn unexpected(&self, expected: &str) -> String {
        format!("found '{}', expected: {expected}", self.peek().text())
    }
}

fn is_space(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\r' | '\n')
}

async fn requirement(tokens: &mut Tokens<'_>, pace: &mut Pace) -> Result<Requirement, String> {
    let is_absent = tokens.take("!");
    let key = tokens.word("identifier")?.to_owned();
    let wrong = label::key_errors(&key);
    if !wrong.is_empty() {
        return Err(format!("<nil>: Invalid value: {key:?}: {}", wrong.join("; ")));
    }
    if is_absent {
        return Ok(Requirement { key, operator: Operator::DoesNotExist, values: Vec::new() });
    }
    if tokens.peek() == Token::End || tokens.sees(",") {
        return Ok(Requirement { key, operator: Operator::Exists, values: Vec::new() });
    }
    let (operator, several) = operator(tokens)?;
    let values = match several {
        Values::Set => owned(set(tokens, pace).await?, pace).await,
        Values::One => vec![one(tokens)?.to_owned()],
    };
    let wrong = value_errors(&key, operator, &values);
    match wrong.as_slice() {
        [] => Ok(Requirement { key, operator, values }),
        [one] => Err(one.clone()),
        several => Err(format!("[{}]", several.join(", "))),
    }
}

#[derive(Clone, Copy)]
enum Values {
    One,
    Set,
}

fn operator(tokens: &mut Tokens<'_>) -> Result<(Operator, Values), String> {
    let operator = match tokens.peek().text() {
        "in" => (Operator::In, Values::Set),
        "notin" => (Operator::NotIn, Values::Set),
        "=" | "==" => (Operator::In, Values::One),
        "!=" => (Operator::NotIn, Values::One),
        ">" => (Operator::GreaterThan, Values::One),
        "<" => (Operator::LessThan, Values::One),
        _ => return Err(tokens.unexpected("in, notin, =, ==, !=, gt, lt")),
    };
    tokens.advance();
    Ok(operator)
}

/// The value behind a sign; none is the empty one.
fn one<'a>(tokens: &mut Tokens<'a>) -> Result<&'a str, String> {
    if tokens.peek() == Token::End || tokens.sees(",") {
        return Ok("");
    }
    tokens.word("identifier")
}

/// `(a,b)`; a missing word beside a comma is the empty value.
async fn set<'a>(tokens: &mut Tokens<'a>, pace: &mut Pace) -> Result<BTreeSet<&'a str>, String> {
    if !tokens.take("(") {
        return Err(format!("found '{}' expected: '('", tokens.peek().text()));
    }
    let mut values = BTreeSet::new();
    if tokens.take(")") {
        values.insert("");
        return Ok(values);
    }
    let mut expected = "',', ')' or identifier";
    loop {
        pace.step().await;
        if let Token::Word(word) = tokens.peek() {
            tokens.advance();
            values.insert(word);
            if !tokens.sees(",") {
                tokens.expect(")", "',' or ')'")?;
                return Ok(values);
            }
        } else if !tokens.sees(",") {
            return Err(tokens.unexpected(expected));
        } else if values.is_empty() {
            values.insert("");
        }
        expected = "',', or identifier";
        tokens.take(",");
        let is_end = tokens.sees(")");
        if is_end || tokens.sees(",") {
            values.insert("");
        }
        if is_end {
            tokens.take(")");
            return Ok(values);
        }
    }
}

async fn owned(values: BTreeSet<&str>, pace: &mut Pace) -> Vec<String> {
    let mut owned = Vec::with_capacity(values.len());
    for value in values {
        pace.step().await;
        owned.push(value.to_owned());
    }
    owned
}

fn value_errors(key: &str, operator: Operator, values: &[String]) -> Vec<String> {
    let is_order = matches!(operator, Operator::GreaterThan | Operator::LessThan);
    let no_number = values.iter().enumerate().filter(|(_, value)| is_order && value.parse::<i64>().is_err());
    let no_number = no_number.map(|(index, value)| {
        format!(
            "values[{index}]: Invalid value: {value:?}: for 'Gt', 'Lt' operators, the value must be an integer"
        )
    });
    let no_value = values.iter().enumerate().filter_map(|(index, value)| {
        let wrong = label::value_errors(value);
        let why = wrong.join("; ");
        (!wrong.is_empty()).then(|| format!("values[{index}][{key}]: Invalid value: {value:?}: {why}"))
    });
    no_number.chain(no_value).take(MOST_FAULTS).collect()
}
