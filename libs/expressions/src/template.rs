//! Templates as Jinja has them: what is one, and making a text of it. There is one template and nothing to include, no macros, and
//! nothing that asks for more than its variables.
use crate::{
    data::{Form, Tree, decode},
    document::Interpreter,
    expression::{Malformed, Place},
    frames::Answer,
};
use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value,
    machinery::{Instruction, get_compiled_template},
    syntax::SyntaxConfig,
};
use std::collections::{BTreeMap, BTreeSet};

const VARIABLES: [&str; 3] = ["body", "headers", "status"];
/// What there is beside the variables.
const FUNCTIONS: [&str; 3] = ["dict", "namespace", "range"];
const NAME: &str = "template";

/// A template that can be filled.
#[derive(Debug)]
pub(crate) struct Program {
    environment: Environment<'static>,
}

impl Program {
    /// Reads a template, on a stack that is large enough for any.
    ///
    /// # Errors
    /// It breaks the grammar, nests too deeply, or names a variable, a filter or a test that there is not.
    pub(crate) fn parse(text: &str) -> Result<Self, Malformed> {
        let mut environment = environment();
        environment.add_template_owned(NAME, text.to_owned()).map_err(|error| malformed(&error))?;
        let program = Self { environment };
        let template = program.template().map_err(|error| malformed(&error))?;
        let names = template.undeclared_variables(false);
        if let Some(unknown) = program.unknown(&template) {
            return Err(unknown);
        }
        let is_known = |name: &str| VARIABLES.contains(&name) || FUNCTIONS.contains(&name);
        // Of several the same one is told each time.
        match names.into_iter().filter(|name| !is_known(name)).collect::<BTreeSet<_>>().pop_first() {
            Some(name) => Err(Malformed::somewhere(&format!(
                "there is no variable {name}; there are body, headers and status"
            ))),
            None => Ok(program),
        }
    }

    fn template(&self) -> Result<minijinja::Template<'_, '_>, Error> {
        self.environment.get_template(NAME)
    }

    /// The first filter or test that there is not, which the interpreter would miss only where it comes by.
    fn unknown(&self, template: &minijinja::Template<'_, '_>) -> Option<Malformed> {
        let compiled = &get_compiled_template(template).instructions;
        let mut state = self.environment.empty_state();
        // Without arguments nothing is done that could matter: what there is misses them, and what there is not is missed.
        let mut problem = |instruction: &Instruction<'_>| match instruction {
            Instruction::ApplyFilter(name, ..) => {
                let missed = state.apply_filter(&plain(name), &[]).err();
                missed
                    .filter(|error| error.kind() == ErrorKind::UnknownFilter)
                    .map(|_| format!("unknown filter {name}"))
            }
            Instruction::PerformTest(name, ..) => {
                let missed = state.perform_test(&plain(name), &[]).err();
                missed
                    .filter(|error| error.kind() == ErrorKind::UnknownTest)
                    .map(|_| format!("unknown test {name}"))
            }
            _ => None,
        };
        (0..).map_while(|index| Some((index, compiled.get(index)?))).find_map(|(index, instruction)| {
            let problem = problem(instruction)?;
            Some(match compiled.get_line(index) {
                Some(line) => Malformed::at(Place { line, column: None }, &problem),
                None => Malformed::somewhere(&problem),
            })
        })
    }
}

/// As the interpreter looks for it: names may be written in parts, `a . b`.
fn plain(name: &str) -> String {
    name.split_whitespace().collect()
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // A line that holds only a statement makes none, and the last line ends as it is written.
    let mut syntax = SyntaxConfig::builder();
    syntax.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true);
    environment.set_syntax(syntax.build().expect("the usual delimiters differ"));
    environment.remove_global("debug");
    environment
}

/// A template that is none has nothing of the data yet, so its parser may say all.
fn malformed(error: &Error) -> Malformed {
    let problem = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    match error.line() {
        Some(line) => Malformed::at(Place { line, column: None }, &problem),
        None => Malformed::somewhere(&problem),
    }
}

/// The variables of templates.
pub(crate) struct Template {
    headers: Value,
    status: Value,
    body: Value,
}

impl Template {
    pub(crate) fn new(status: u16, headers: &BTreeMap<String, String>) -> Self {
        Self { headers: Value::from(headers.clone()), status: Value::from(status), body: Value::UNDEFINED }
    }
}

impl Interpreter for Template {
    fn set_body(&mut self, data: Vec<u8>, form: Form) {
        self.body = decode(data, form);
    }

    fn evaluate(&self, text: &str) -> Answer {
        let program = Program::parse(text).map_err(|malformed| malformed.to_string())?;
        let variables = BTreeMap::from([
            ("body", self.body.clone()),
            ("headers", self.headers.clone()),
            ("status", self.status.clone()),
        ]);
        let made = program.template().and_then(|template| template.render(variables));
        made.map(String::into_bytes).map_err(|error| told(&error, text, &self.body))
    }
}

/// What may be told of an error: its words may hold values, so of those only names are, where the template has them.
fn told(error: &Error, text: &str, body: &Value) -> String {
    let name = match error.kind() {
        ErrorKind::UnknownFunction | ErrorKind::UnknownMethod => {
            error.detail().and_then(|detail| named(detail, text))
        }
        _ => None,
    };
    let what = match name {
        Some(name) => format!("{} {name}", error.kind()),
        None => error.kind().to_string(),
    };
    let kind = body.kind();
    match error.line() {
        Some(line) => format!("line {line}: {what} (body is of type {kind})"),
        None => format!("{what} (body is of type {kind})"),
    }
}

/// The first word of what is told that the template names.
fn named<'a>(detail: &'a str, text: &str) -> Option<&'a str> {
    const USUAL: [&str; 4] = ["function", "method", "unknown", "object"];
    let is_sign = |c: char| !c.is_alphanumeric() && c != '_';
    let mut words = detail.split(is_sign).filter(|word| word.len() > 1 && !USUAL.contains(word));
    words.find(|word| text.split(is_sign).any(|written| written == *word))
}

impl Tree for Value {
    fn null() -> Self {
        Self::from(())
    }

    fn truth(truth: bool) -> Self {
        Self::from(truth)
    }

    fn int(number: i64) -> Self {
        Self::from(number)
    }

    fn large(number: u64) -> Self {
        Self::from(number)
    }

    fn float(number: f64) -> Self {
        Self::from(number)
    }

    fn text(text: String) -> Self {
        Self::from(text)
    }

    fn bytes(bytes: Vec<u8>) -> Self {
        Self::from_bytes(bytes)
    }

    fn list(items: Vec<Self>) -> Self {
        Self::from(items)
    }

    fn map(entries: Vec<(String, Self)>) -> Self {
        Self::from(BTreeMap::from_iter(entries))
    }

    fn is_document(&self) -> bool {
        matches!(self.kind(), minijinja::value::ValueKind::Seq | minijinja::value::ValueKind::Map)
    }
}

#[cfg(test)]
mod tests;
