//! What may be told of an error. The interpreter's own words hold the values that it met: of those nothing is told, and what an
//! expression says itself only if it is a text that stands in the expression, which everybody may read.
use jaq_core::Exn;
use jaq_json::Val;

/// What something may be used as, in the words of the interpreter.
const TYPES: [&str; 6] =
    ["string", "number", "integer", "array", "iterable (array or object)", "rangeable (array or string)"];

/// What went wrong with an input of that type.
pub(super) fn told(exception: Exn<'_, Val>, text: &str, kind: &str) -> String {
    let problem =
        exception.get_err().ok().map(jaq_core::Error::into_val).and_then(|value| problem(&value, text));
    let problem = problem.as_deref().unwrap_or("it fails for this data");
    format!("{problem} (the input is of type {kind})")
}

fn problem(value: &Val, text: &str) -> Option<String> {
    let Val::TStr(words) = value else { return None };
    let words = std::str::from_utf8(words).ok()?;
    if !words.is_empty() && text.contains(words) {
        return Some(words.to_owned());
    }
    let of = |beginning: &str| words.starts_with(beginning);
    if of("cannot index ") {
        return Some("a value is asked for what it cannot hold".to_owned());
    }
    if of("cannot calculate ") {
        return Some("values of these types cannot be calculated with".to_owned());
    }
    let wanted = TYPES.iter().find(|wanted| words.ends_with(&format!(" as {wanted}")));
    wanted.filter(|_| of("cannot use ")).map(|wanted| format!("a value is no {wanted}"))
}
