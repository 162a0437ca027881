//! What must hold whatever somebody writes as an expression, and whatever a source sends to be asked about. Each panics where that is
//! broken.
//!
//! The crate `fuzz` at the root gives them bytes without end, on nightly; the tests here give them the seeds of its corpus. Neither
//! evaluates what was written: interpreters know no bound, which is why they run in a process of their own, and
//! `tests/evaluation` gives that one expressions of all sorts. What is evaluated here goes over its data once.
use crate::{
    Languages, Program,
    cel::encode,
    data::{Form, Tree, decode},
    document::Document,
    frames::Answer,
};
use cel::Value;
use crds::{external_source::Language, installation::Expressions};
use std::collections::BTreeMap;

/// As long as the rules let an expression be, in bytes.
const LONGEST: usize = 4096;
/// More than what is told of an expression.
const LONGEST_TOLD: usize = 1000;

/// A text is an expression or wrong in one line, in each language, and it is told the same each time.
pub fn expressions(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    if text.len() > LONGEST {
        return;
    }
    for language in [Language::Cel, Language::Jq, Language::Template] {
        let told = Languages.problem(language, text);
        assert_eq!(Languages.problem(language, text), told, "{text:?}");
        if let Some(told) = told {
            assert!(!told.contains(char::is_control) && told.len() < LONGEST_TOLD, "{told:?}");
        }
    }
}

/// The first byte says what the form is, the rest is data: what is no document stays as it is, and a document is written as one that
/// is written just so again.
pub fn documents(input: &[u8]) {
    let Some((form, data)) = input.split_first() else { return };
    let form = [Form::Yaml, Form::Unsaid, Form::Other][usize::from(*form) % 3];
    let value = decode::<Value>(data.to_vec(), form);
    if !value.is_document() {
        return assert_eq!(encode(&value).as_deref(), Ok(data), "{form:?}");
    }
    for (language, whole) in
        [(Language::Cel, "body"), (Language::Jq, "."), (Language::Template, "{{ body | tojson }}")]
    {
        let program = Program { language, text: whole.to_owned() };
        // A name may be none in JSON, such as a list in YAML.
        let Ok(written) = evaluated(&program, data, form) else { continue };
        assert!(serde_json::from_slice::<serde_json::Value>(&written).is_ok(), "{language:?}: no JSON");
        assert_eq!(evaluated(&program, &written, Form::Other).as_ref(), Ok(&written), "{language:?}");
    }
}

fn evaluated(program: &Program, data: &[u8], form: Form) -> Answer {
    let mut document = Document::new(200, &BTreeMap::new(), [program.language].into_iter());
    document.set_body(data.to_vec(), form);
    document.evaluate(program)
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_seed_is_judged() {
        seeds::replay(&[("expressions", super::expressions), ("documents", super::documents)]);
    }
}
