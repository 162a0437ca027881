//! The grammar of label selectors: words, parentheses and operators, judged in the words of k8s.io/apimachinery.
use super::{Operator, Requirement, label};
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

pub(super) fn parse(text: &str) -> Result<Vec<Requirement>, String> {
    let mut tokens = Tokens { tokens: tokens(text), next: 0 };
    let mut requirements = Vec::new();
    if tokens.peek() == Token::End {
        return Ok(requirements);
    }
    if !tokens.peek().starts_requirement() {
        return Err(tokens.unexpected("!, identifier, or 'end of string'"));
    }
    loop {
        let requirement = requirement(&mut tokens);
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

/// The tokens of a selector; behind the last one the end is seen for ever.
struct Tokens<'a> {
    tokens: Vec<Token<'a>>,
    next: usize,
}

impl<'a> Tokens<'a> {
    fn peek(&self) -> Token<'a> {
        self.tokens.get(self.next).copied().unwrap_or(Token::End)
    }

    fn sees(&self, symbol: &'static str) -> bool {
        self.peek() == Token::Symbol(symbol)
    }

    fn take(&mut self, symbol: &'static str) -> bool {
        let seen = self.sees(symbol);
        self.next += usize::from(seen);
        seen
    }

    fn expect(&mut self, symbol: &'static str, expected: &str) -> Result<(), String> {
        if self.take(symbol) { Ok(()) } else { Err(self.unexpected(expected)) }
    }

    fn word(&mut self, expected: &str) -> Result<&'a str, String> {
        let Token::Word(word) = self.peek() else { return Err(self.unexpected(expected)) };
        self.next += 1;
        Ok(word)
    }

    fn unexpected(&self, expected: &str) -> String {
        format!("found '{}', expected: {expected}", self.peek().text())
    }
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let is_space = |letter: char| matches!(letter, ' ' | '\t' | '\r' | '\n');
    let mut tokens = Vec::new();
    let mut rest = text.trim_start_matches(is_space);
    while !rest.is_empty() {
        let symbol = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol));
        let length = match symbol {
            Some(symbol) => {
                tokens.push(Token::Symbol(symbol));
                symbol.len()
            }
            None => {
                let ends = |letter: char| is_space(letter) || "=!,()><".contains(letter);
                let end = rest.find(ends).unwrap_or(rest.len());
                tokens.push(Token::Word(&rest[..end]));
                end
            }
        };
        rest = rest[length..].trim_start_matches(is_space);
    }
    tokens
}

fn requirement(tokens: &mut Tokens<'_>) -> Result<Requirement, String> {
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
    let operator = operator(tokens)?;
    let values = match operator {
        (operator, Values::Set) => (operator, set(tokens)?),
        (operator, Values::One) => (operator, BTreeSet::from([one(tokens)?])),
    };
    let (operator, values) = (values.0, values.1.into_iter().map(str::to_owned).collect::<Vec<_>>());
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
    tokens.next += 1;
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
fn set<'a>(tokens: &mut Tokens<'a>) -> Result<BTreeSet<&'a str>, String> {
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
        if let Token::Word(word) = tokens.peek() {
            tokens.next += 1;
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
    no_number.chain(no_value).collect()
}
