//! CEL: what is an expression in it, and evaluating one.
mod order;
mod reference;
mod told;

use crate::{
    data::{Form, Tree, decode},
    document::Interpreter,
    expression::{Malformed, Place},
    frames::Answer,
};
use ::cel::{
    Context, Env, IdedExpr, Value, extensions,
    objects::{Key, Map},
    parser::{ParseErrors, PrattParser},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};
use told::told;

/// How deep brackets and calls may nest in the text.
const DEEPEST: u16 = 48;
/// How many errors the parser looks for: the first is told.
const ERRORS: u32 = 4;

/// An expression that can be evaluated.
#[derive(Debug)]
pub(crate) struct Program {
    tree: IdedExpr,
}

impl Program {
    /// Reads an expression. Its length is bounded elsewhere: by `crds`.
    ///
    /// # Errors
    /// It breaks the grammar, nests too deeply, or names a variable that there is not.
    pub(crate) fn parse(text: &str) -> Result<Self, Malformed> {
        let mut tree = parser().parse(text).map_err(|errors| first(&errors))?;
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

fn first(errors: &ParseErrors) -> Malformed {
    let place = |number: isize| usize::try_from(number).ok().filter(|number| *number > 0);
    let mut placed = errors.errors.iter().filter_map(|error| {
        let at = Place { line: place(error.pos.0)?, column: Some(place(error.pos.1)?) };
        Some((error, at))
    });
    match (placed.next(), errors.errors.first()) {
        (Some((error, at)), _) => Malformed::at(at, plain(&error.msg)),
        (None, Some(error)) => Malformed::somewhere(plain(&error.msg)),
        (None, None) => Malformed::somewhere("it cannot be read"),
    }
}

/// Without what every message begins with.
fn plain(message: &str) -> &str {
    message.strip_prefix("Syntax error: ").unwrap_or(message)
}

/// The variables of expressions.
pub(crate) struct Cel {
    context: Context<'static, 'static>,
    /// What `body` is.
    kind: String,
}

impl Cel {
    pub(crate) fn new(status: u16, headers: &BTreeMap<String, String>) -> Self {
        let mut context = Context::with_env(Arc::new(environment()));
        let headers: HashMap<String, String> = headers.clone().into_iter().collect();
        context.add_variable_from_value("headers", Value::Map(Map::from(headers)));
        context.add_variable_from_value("status", Value::Int(status.into()));
        Self { context, kind: String::new() }
    }
}

impl Interpreter for Cel {
    fn set_body(&mut self, data: Vec<u8>, form: Form) {
        let body: Value = decode(data, form);
        self.kind = body.type_of().to_string();
        self.context.add_variable_from_value("body", body);
    }

    fn evaluate(&self, text: &str) -> Answer {
        let program = Program::parse(text).map_err(|malformed| malformed.to_string())?;
        let value = Value::resolve(&program.tree, &self.context);
        value
            .map_err(|error| format!("{} (body is of type {})", told(&error, text), self.kind))
            .and_then(|value| encode(&value))
    }
}

/// What the language has beyond its core: functions on texts and lists, and base64. What an expression makes follows from its
/// variables alone, so it has no clock.
fn environment() -> Env {
    let mut environment = Env::stdlib();
    for extension in [extensions::strings, extensions::lists, extensions::encoders] {
        environment.add_extension(extension).expect("each is added once");
    }
    order::declare(&mut environment);
    environment
}

/// What a value is as data: bytes and text as they are, anything else as compact JSON with sorted names.
///
/// # Errors
/// It is, or holds, what JSON has no word for.
pub(crate) fn encode(value: &Value) -> Result<Vec<u8>, String> {
    match value {
        Value::Bytes(bytes) => Ok(bytes.to_vec()),
        Value::String(text) => Ok(text.as_bytes().to_vec()),
        other => Ok(json(other)?.to_string().into_bytes()),
    }
}

fn json(value: &Value) -> Result<serde_json::Value, String> {
    Ok(match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(truth) => (*truth).into(),
        Value::Int(number) => (*number).into(),
        Value::UInt(number) => (*number).into(),
        Value::Float(number) => match serde_json::Number::from_f64(*number) {
            Some(number) => number.into(),
            None => return Err("the result holds a number that JSON does not have".into()),
        },
        Value::String(text) => text.as_str().into(),
        Value::Bytes(bytes) => BASE64_STANDARD.encode(bytes.as_slice()).into(),
        Value::List(list) => list.iter().map(json).collect::<Result<_, _>>()?,
        Value::Map(map) => {
            let mut object = serde_json::Map::new();
            // In order, so that of several problems the same one is told each time.
            for (key, value) in map.map.iter().collect::<BTreeMap<&Key, &Value>>() {
                if object.insert(key.to_string(), json(value)?).is_some() {
                    return Err("the result holds a map with two keys that are one name in JSON".into());
                }
            }
            object.into()
        }
        other => return Err(format!("the result is or holds a value of type {}", other.type_of())),
    })
}

impl Tree for Value {
    fn null() -> Self {
        Self::Null
    }

    fn truth(truth: bool) -> Self {
        Self::Bool(truth)
    }

    fn int(number: i64) -> Self {
        Self::Int(number)
    }

    fn large(number: u64) -> Self {
        Self::UInt(number)
    }

    fn float(number: f64) -> Self {
        Self::Float(number)
    }

    fn text(text: String) -> Self {
        Self::String(Arc::new(text))
    }

    fn bytes(bytes: Vec<u8>) -> Self {
        Self::Bytes(Arc::new(bytes))
    }

    fn list(items: Vec<Self>) -> Self {
        Self::List(Arc::new(items))
    }

    fn map(entries: Vec<(String, Self)>) -> Self {
        let map: HashMap<Key, Self> =
            entries.into_iter().map(|(name, value)| (Key::from(name), value)).collect();
        Self::Map(Map { map: Arc::new(map) })
    }

    fn is_document(&self) -> bool {
        matches!(self, Self::List(_) | Self::Map(_))
    }
}

#[cfg(test)]
mod tests;
