//! Data that expressions can be asked about, in each language that asks.
use crate::{Program, cel::Cel, data::Form, frames::Answer, jq::Jq, template::Template};
use crds::external_source::Language;
use std::collections::BTreeMap;

/// What evaluates one language.
pub(crate) trait Interpreter {
    /// From now on, the data is that.
    fn set_body(&mut self, data: Vec<u8>, form: Form);

    /// What an expression makes of it.
    ///
    /// # Errors
    /// It is none, has no value here, or one that is no data; says so in words that hold nothing of the data.
    fn evaluate(&self, text: &str) -> Answer;
}

/// The variables of expressions.
pub(crate) struct Document(BTreeMap<Language, Box<dyn Interpreter>>);

impl Document {
    /// For those languages.
    pub(crate) fn new(
        status: u16,
        headers: &BTreeMap<String, String>,
        languages: impl Iterator<Item = Language>,
    ) -> Self {
        let of = |language| -> Box<dyn Interpreter> {
            match language {
                Language::Cel => Box::new(Cel::new(status, headers)),
                Language::Jq => Box::new(Jq::new(status, headers)),
                Language::Template => Box::new(Template::new(status, headers)),
            }
        };
        let mut interpreters = BTreeMap::new();
        for language in languages {
            interpreters.entry(language).or_insert_with(|| of(language));
        }
        Self(interpreters)
    }

    /// From now on, the data is that. Each language has its own values of it.
    pub(crate) fn set_body(&mut self, data: Vec<u8>, form: Form) {
        let mut interpreters = self.0.values_mut();
        let Some(first) = interpreters.next() else { return };
        interpreters.for_each(|other| other.set_body(data.clone(), form));
        first.set_body(data, form);
    }

    /// What an expression makes of it.
    pub(crate) fn evaluate(&self, program: &Program) -> Answer {
        let interpreter = self.0.get(&program.language).expect("a document is made for all that are asked");
        interpreter.evaluate(&program.text)
    }
}
