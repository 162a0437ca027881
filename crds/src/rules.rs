//! How a rule reports what is wrong, and how the rest of the code can tell that a spec was checked.
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

/// A spec that knows its own rules. Pure: the same spec always gets the same verdict.
pub trait Rules {
    /// Every rule the spec breaks, in field order; empty when the spec is good.
    fn violations(&self) -> Vec<FieldError>;

    /// What is allowed but unwise, one sentence each, at most 120 characters (the API server cuts longer ones).
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Checks a spec against its rules; the proof is what work functions ask for.
///
/// # Errors
/// Every violation at once.
pub fn check<T: Rules>(spec: &T) -> Result<Valid<'_, T>, Invalid> {
    let found = spec.violations();
    if found.is_empty() { Ok(Valid(spec)) } else { Err(Invalid(found)) }
}

/// Proof that `T` passed its rules. Only [`check`] makes one.
#[derive(Debug)]
pub struct Valid<'a, T>(&'a T);

impl<T> Clone for Valid<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Valid<'_, T> {}

impl<T> std::ops::Deref for Valid<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.0
    }
}

/// Every violation found, in field order. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid(Vec<FieldError>);

impl Invalid {
    pub(crate) fn of(errors: Vec<FieldError>) -> Self {
        Self(errors)
    }

    /// The violations, in field order.
    pub fn errors(&self) -> &[FieldError] {
        &self.0
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for error in &self.0 {
            write!(f, "{separator}{error}")?;
            separator = "; ";
        }
        Ok(())
    }
}

impl std::error::Error for Invalid {}

/// One violated rule, addressed the way `kubectl` users read their manifest.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct FieldError {
    /// Where, as in `spec.generator.http.url`.
    pub path: String,
    /// In which way, from the closed list that the Kubernetes API uses.
    pub kind: Violation,
    /// What is wrong and what would be right. Understandable alone: `kubectl` prints one cause a line.
    pub detail: String,
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.detail)
    }
}

/// Why a field is wrong (`metav1.CauseType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum Violation {
    /// The value is missing.
    Required,
    /// The value cannot be used.
    Invalid,
    /// The value is none of the allowed ones.
    NotSupported,
    /// The field may not be set here.
    Forbidden,
    /// The value is longer than allowed.
    TooLong,
}

impl Violation {
    /// The `reason` of a `StatusCause`.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Required => "FieldValueRequired",
            Self::Invalid => "FieldValueInvalid",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Forbidden => "FieldValueForbidden",
            Self::TooLong => "FieldValueTooLong",
        }
    }
}

/// Collects violations; keeps each rule to one line.
#[derive(Debug, Default)]
pub struct Violations(Vec<FieldError>);

impl Violations {
    /// The field must be set.
    pub fn required(&mut self, path: &str, detail: &str) {
        self.push(path, Violation::Required, format!("Required value: {detail}"));
    }

    /// The field's value cannot be used. `value` is shown, so it must hold no secret.
    pub fn invalid(&mut self, path: &str, value: &str, detail: &str) {
        self.push(path, Violation::Invalid, format!("Invalid value: {}: {detail}", quoted(value)));
    }

    /// As [`Violations::invalid`], for a number.
    pub fn invalid_number(&mut self, path: &str, value: i64, detail: &str) {
        self.push(path, Violation::Invalid, format!("Invalid value: {value}: {detail}"));
    }

    /// The field's value is of a type that it cannot have. A text is not shown: who knows what it was meant for.
    pub fn invalid_type(&mut self, path: &str, value: &Value, detail: &str) {
        let shown = match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
            Value::String(_) => "string".to_owned(),
            Value::Array(_) => "array".to_owned(),
            Value::Object(_) => "object".to_owned(),
        };
        self.push(path, Violation::Invalid, format!("Invalid value: {shown}: {detail}"));
    }

    /// The field's value is none of those that it can have.
    pub fn not_supported(&mut self, path: &str, value: &str, supported: &[&str]) {
        let supported: Vec<String> = supported.iter().map(|value| quoted(value)).collect();
        let detail =
            format!("Unsupported value: {}: supported values: {}", quoted(value), supported.join(", "));
        self.push(path, Violation::NotSupported, detail);
    }

    /// The field may not be set.
    pub fn forbidden(&mut self, path: &str, detail: &str) {
        self.push(path, Violation::Forbidden, format!("Forbidden: {detail}"));
    }

    /// The field's value has more than `limit` bytes.
    pub fn too_long(&mut self, path: &str, actual: usize, limit: usize) {
        let detail = format!("Too long: has {actual} bytes, may have at most {limit}");
        self.push(path, Violation::TooLong, detail);
    }

    /// What was found, in the order of finding.
    pub fn into_vec(self) -> Vec<FieldError> {
        self.0
    }

    fn push(&mut self, path: &str, kind: Violation, detail: String) {
        self.0.push(FieldError { path: path.to_owned(), kind, detail });
    }
}

/// A value as an error may show it: control characters escaped, cut after 80 characters.
fn quoted(value: &str) -> String {
    const SHOWN: usize = 80;
    let mut shown: String = value.chars().take(SHOWN).collect();
    if value.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    format!("{shown:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Broken;
    impl Rules for Broken {
        fn violations(&self) -> Vec<FieldError> {
            let mut found = Violations::default();
            found.invalid("spec.a", "x\ny", "must be one line");
            found.required("spec.b", "say which");
            found.into_vec()
        }
    }

    #[test]
    fn every_violation_stands_in_one_answer() {
        let invalid = check(&Broken).expect_err("two rules are broken");
        assert_eq!(
            invalid.to_string(),
            r#"spec.a: Invalid value: "x\ny": must be one line; spec.b: Required value: say which"#
        );
        assert_eq!(invalid.errors()[1].kind.reason(), "FieldValueRequired");
    }

    #[test]
    fn a_long_value_is_cut_before_it_is_shown() {
        assert_eq!(quoted(&"a".repeat(81)), format!("\"{}…\"", "a".repeat(80)));
    }
}
