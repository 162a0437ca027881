//! The causes of a refusal, worded as the field errors of k8s.io/apimachinery.
use super::Cause;
use serde::Serialize;

impl Cause {
    /// The value does not hold; `why` may be empty.
    pub fn invalid(
        field: impl Into<String>,
        value: &(impl Serialize + ?Sized),
        why: impl Into<String>,
    ) -> Self {
        Self::of("FieldValueInvalid", field, format!("Invalid value: {}", shown(value)), why)
    }

    /// The value must be there.
    pub fn required(field: impl Into<String>, why: impl Into<String>) -> Self {
        Self::of("FieldValueRequired", field, "Required value".to_owned(), why)
    }

    /// The value may not be there.
    pub fn forbidden(field: impl Into<String>, why: impl Into<String>) -> Self {
        Self::of("FieldValueForbidden", field, "Forbidden".to_owned(), why)
    }

    /// The value is none of those that are known.
    pub fn not_supported(
        field: impl Into<String>,
        value: &(impl Serialize + ?Sized),
        supported: &[&str],
    ) -> Self {
        let supported: Vec<String> = supported.iter().map(|value| format!("{value:?}")).collect();
        let why = format!("supported values: {}", supported.join(", "));
        Self::of("FieldValueNotSupported", field, format!("Unsupported value: {}", shown(value)), why)
    }

    /// The value is longer than `most` bytes.
    pub fn too_long(field: impl Into<String>, most: usize) -> Self {
        let why = format!("may not be more than {most} bytes");
        Self::of("FieldValueTooLong", field, "Too long".to_owned(), why)
    }

    fn of(reason: &'static str, field: impl Into<String>, what: String, why: impl Into<String>) -> Self {
        let why = why.into();
        let message = if why.is_empty() { what } else { format!("{what}: {why}") };
        Self { reason, message, field: field.into() }
    }
}

/// A value as the client wrote it: text in quotes, everything else as JSON.
fn shown(value: &(impl Serialize + ?Sized)) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_read_as_in_go() {
        let table = [
            (Cause::invalid("spec.size", &-1, "must be positive"), "Invalid value: -1: must be positive"),
            (Cause::invalid("spec.name", "a\"b", ""), r#"Invalid value: "a\"b""#),
            (Cause::required("spec.name", ""), "Required value"),
            (Cause::forbidden("status", "may not be set"), "Forbidden: may not be set"),
            (
                Cause::not_supported("dryRun", &["Some"], &["All"]),
                r#"Unsupported value: ["Some"]: supported values: "All""#,
            ),
            (Cause::too_long("fieldManager", 128), "Too long: may not be more than 128 bytes"),
        ];
        for (cause, message) in table {
            assert_eq!(cause.message, message);
        }
    }
}
