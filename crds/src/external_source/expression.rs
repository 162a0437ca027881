//! `spec.transform` and `spec.layout`: what makes something of the data.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What makes something of the data: exactly one of its fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "(has(self.cel) ? 1 : 0) + (has(self.jq) ? 1 : 0) + (has(self.template) ? 1 : 0) == 1",
    "message": "set exactly one of cel, jq and template",
}]))]
pub struct Expression {
    /// An expression in CEL (<https://cel.dev>), whose value is stored: text and bytes as they are, anything else as compact JSON with sorted
    /// names. `body` is the data, `headers` are those of the answer, by names in lower case, and `status` is its code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cel: Option<String>,
    /// An expression in jq (<https://jqlang.org/manual>), whose results are stored as those of `cel` are: a single one alone, several one in a
    /// line. The input is the data; `$headers` and `$status` are as in `cel`. There is nothing that asks for the time, files or
    /// the environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jq: Option<String>,
    /// A template of Jinja (<https://jinja.palletsprojects.com/templates>), whose text is stored. Its variables are those of `cel`, and what is
    /// undefined is an error. Nothing is escaped, and nothing can be included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
}

/// What an expression is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
pub enum Language {
    /// CEL.
    Cel,
    /// jq.
    Jq,
    /// Jinja's templates.
    Template,
}

impl Language {
    /// The field that holds an expression in it.
    pub fn field(self) -> &'static str {
        match self {
            Self::Cel => "cel",
            Self::Jq => "jq",
            Self::Template => "template",
        }
    }
}

impl Expression {
    /// Whatever is set, by its language. The rules want exactly one.
    pub fn set(&self) -> impl Iterator<Item = (Language, &str)> {
        let fields =
            [(Language::Cel, &self.cel), (Language::Jq, &self.jq), (Language::Template, &self.template)];
        fields.into_iter().filter_map(|(language, text)| Some((language, text.as_deref()?)))
    }
}

/// A file made of the data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LayoutFile {
    /// Where the file lies: relative, without empty steps, `.` and `..`, at most 255 bytes.
    pub path: String,
    /// What it holds, with the variables and bounds of `spec.transform`, each with a time of its own.
    #[serde(flatten)]
    pub expression: Expression,
}
