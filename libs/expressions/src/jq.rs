//! jq: what is an expression in it, and evaluating one. What it makes follows from the data alone: nothing of it asks for the
//! time, a place on earth, the environment or a file, or says anything aside.
mod bounds;
mod told;

use crate::{
    data::{Form, Tree, decode},
    document::Interpreter,
    expression::{Malformed, Place},
    frames::Answer,
};
use jaq_core::{
    Compiler, Ctx, Filter, ValT as _, Vars, compile,
    data::JustLut,
    load::{self, Arena, File, Loader, parse::Def},
};
use jaq_json::{Num, Rc, Val, write::Pp};
use std::collections::BTreeMap;

/// What can be named without having been defined; the data itself is the input.
const VARIABLES: [&str; 2] = ["$headers", "$status"];

/// What is left out of the language, and of its functions what they are defined by.
const LEFT_OUT: [&str; 12] = [
    "debug",
    "debug_empty",
    "env",
    "halt",
    "halt_error",
    "input_line_number",
    "localtime",
    "now",
    "repl",
    "stderr",
    "stderr_empty",
    "strflocaltime",
];

/// An expression that can be evaluated.
pub(crate) struct Program {
    filter: Filter<JustLut<Val>>,
}

impl Program {
    /// Reads an expression, on a stack that is large enough for any.
    ///
    /// # Errors
    /// It breaks the grammar, is too deep or too long, or names what there is not.
    pub(crate) fn parse(text: &str) -> Result<Self, Malformed> {
        bounds::check(text)?;
        let arena = Arena::default();
        let file = File { code: text, path: () };
        let modules =
            Loader::new(definitions()).load(&arena, file).map_err(|errors| unread(text, &errors))?;
        // What imports data would find none when it is evaluated.
        load::import(&modules, |_| Err(String::new())).map_err(|errors| unread(text, &errors))?;
        let compiler = Compiler::default().with_funs(functions()).with_global_vars(VARIABLES);
        let filter = compiler.compile(modules).map_err(|errors| undefined(text, &errors))?;
        Ok(Self { filter })
    }
}

fn is_there(name: &str) -> bool {
    !LEFT_OUT.contains(&name)
}

fn definitions() -> impl Iterator<Item = Def<&'static str>> {
    let all = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
    all.filter(|definition| is_there(definition.name))
}

fn functions() -> impl Iterator<Item = jaq_core::native::Fun<JustLut<Val>>> {
    let all = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    all.filter(|(name, ..)| is_there(name))
}

/// Where a part of a text is in it.
fn place(text: &str, part: &str) -> Place {
    Place::of(text, load::span(text, part).start)
}

fn unread(text: &str, errors: &load::Errors<&str, ()>) -> Malformed {
    let Some((_, error)) = errors.first() else { return Malformed::somewhere("it cannot be read") };
    match error {
        load::Error::Io(found) => match found.first() {
            Some((path, _)) => Malformed::at(place(text, path), "there are no modules to import or include"),
            None => Malformed::somewhere("there are no modules to import or include"),
        },
        load::Error::Lex(found) => bounds::unread(text, found),
        load::Error::Parse(found) => match found.first() {
            Some((expected, part)) => {
                Malformed::at(place(text, part), &format!("{} is expected", expected.as_str()))
            }
            None => Malformed::somewhere("it cannot be read"),
        },
    }
}

fn undefined(text: &str, errors: &compile::Errors<&str, ()>) -> Malformed {
    let Some((name, what)) = errors.iter().find_map(|(_, found)| found.first()) else {
        return Malformed::somewhere("it cannot be read");
    };
    let problem = match what {
        compile::Undefined::Var => {
            format!("there is no variable {name}; there are {}", VARIABLES.join(" and "))
        }
        compile::Undefined::Filter(_) if !is_there(name) => {
            format!("{name} is left out: what is made follows from the data alone")
        }
        compile::Undefined::Filter(count) => format!("there is no function {name} of {count} arguments"),
        other => format!("there is no {} {name}", other.as_str()),
    };
    Malformed::at(place(text, name), &problem)
}

/// The variables of expressions.
pub(crate) struct Jq {
    headers: Val,
    status: Val,
    body: Val,
}

impl Jq {
    pub(crate) fn new(status: u16, headers: &BTreeMap<String, String>) -> Self {
        let headers = headers.iter().map(|(name, value)| (name.clone(), Val::text(value.clone())));
        Self { headers: Val::map(headers.collect()), status: Val::int(status.into()), body: Val::Null }
    }
}

impl Interpreter for Jq {
    fn set_body(&mut self, data: Vec<u8>, form: Form) {
        self.body = decode(data, form);
    }

    /// All results, one in a line as `jq` prints them; a single one stands alone.
    fn evaluate(&self, text: &str) -> Answer {
        let program = Program::parse(text).map_err(|malformed| malformed.to_string())?;
        let variables = Vars::new([self.headers.clone(), self.status.clone()]);
        let context = Ctx::<JustLut<Val>>::new(&program.filter.lut, variables);
        let (mut made, mut count) = (Vec::new(), 0_u64);
        for result in program.filter.id.run((context, self.body.clone())) {
            let value = result.map_err(|why| told::told(why, text, kind(&self.body)))?;
            if count > 0 {
                made.push(b'\n');
            }
            encode(&value, &mut made)?;
            count += 1;
        }
        match count {
            0 => Err(format!("it has no result (the input is of type {})", kind(&self.body))),
            1 => Ok(made),
            _ => {
                made.push(b'\n');
                Ok(made)
            }
        }
    }
}

/// The type of a value in the words of jq.
fn kind(value: &Val) -> &'static str {
    match value {
        Val::Null => "null",
        Val::Bool(_) => "boolean",
        Val::Num(_) => "number",
        Val::BStr(_) | Val::TStr(_) => "string",
        Val::Arr(_) => "array",
        Val::Obj(_) => "object",
    }
}

/// Bytes and text as they are, anything else as compact JSON with sorted names.
fn encode(value: &Val, to: &mut Vec<u8>) -> Result<(), String> {
    if let Val::BStr(bytes) | Val::TStr(bytes) = value {
        to.extend_from_slice(bytes);
        return Ok(());
    }
    is_json(value)?;
    let compact = Pp { sort_keys: true, ..Pp::default() };
    jaq_json::write::write(to, &compact, 0, value).map_err(|_| "its result cannot be written".to_owned())
}

fn is_json(value: &Val) -> Result<(), String> {
    let is_text = |bytes: &[u8]| std::str::from_utf8(bytes).is_ok();
    match value {
        Val::Num(Num::Float(number)) if !number.is_finite() => {
            Err("the result holds a number that JSON does not have".to_owned())
        }
        Val::BStr(_) => {
            Err("the result holds bytes, for which JSON has no word; @base64 makes text".to_owned())
        }
        Val::TStr(text) if !is_text(text) => Err("the result holds a text that is no UTF-8".to_owned()),
        Val::Arr(items) => items.iter().try_for_each(is_json),
        Val::Obj(entries) => entries.iter().try_for_each(|(name, value)| match name {
            Val::TStr(name) if is_text(name) => is_json(value),
            _ => Err("the result holds an object with a name that is no text".to_owned()),
        }),
        Val::Null | Val::Bool(_) | Val::Num(_) | Val::TStr(_) => Ok(()),
    }
}

impl Tree for Val {
    fn null() -> Self {
        Self::Null
    }

    fn truth(truth: bool) -> Self {
        Self::Bool(truth)
    }

    fn int(number: i64) -> Self {
        isize::try_from(number).map_or_else(|_| Self::Num(Num::Float(number as f64)), Self::from)
    }

    fn large(number: u64) -> Self {
        Self::from_num(&number.to_string()).unwrap_or(Self::Num(Num::Float(number as f64)))
    }

    fn float(number: f64) -> Self {
        Self::Num(Num::Float(number))
    }

    fn text(text: String) -> Self {
        Self::utf8_str(text.into_bytes())
    }

    fn bytes(bytes: Vec<u8>) -> Self {
        Self::byte_str(bytes)
    }

    fn list(items: Vec<Self>) -> Self {
        Self::Arr(Rc::new(items))
    }

    fn map(entries: Vec<(String, Self)>) -> Self {
        Self::obj(entries.into_iter().map(|(name, value)| (Self::text(name), value)).collect())
    }

    fn is_document(&self) -> bool {
        matches!(self, Self::Arr(_) | Self::Obj(_))
    }
}

#[cfg(test)]
mod tests;
