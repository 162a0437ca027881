//! Warnings: what a client should know although its request is answered. kubectl prints them.
use http::{HeaderMap, HeaderValue, header::WARNING};
use std::sync::{Arc, Mutex, PoisonError};

/// Characters that all warnings of an answer may have together; beyond, each is cut.
const IN_FULL: usize = 4096;

/// Characters that a warning is cut to.
const CUT: usize = 256;

/// The warnings of one answer, sent as `Warning` headers with it, be it a refusal or not. Clones share their content.
#[derive(Clone, Debug, Default)]
pub struct Warnings(Arc<Mutex<Vec<String>>>);

impl Warnings {
    /// Adds a sentence, unless it has been said already or cannot stand in a header.
    pub fn add(&self, text: impl Into<String>) {
        let text = text.into();
        let mut texts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !text.is_empty() && !text.contains(char::is_control) && !texts.contains(&text) {
            texts.push(text);
        }
    }

    /// Writes them into the headers of an answer: whole if there is room, else the beginning of each.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let texts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let total: usize = texts.iter().map(|text| text.chars().count()).sum();
        let most = if total > IN_FULL { CUT } else { IN_FULL };
        let mut written = 0;
        for text in texts.iter() {
            if written >= IN_FULL {
                return;
            }
            let text: String = text.chars().take(most).collect();
            written += text.chars().count();
            let quoted = text.replace('\\', r"\\").replace('"', r#"\""#);
            if let Ok(header) = HeaderValue::from_bytes(format!(r#"299 - "{quoted}""#).as_bytes()) {
                headers.append(WARNING, header);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(warnings: &Warnings) -> Vec<String> {
        let mut headers = HeaderMap::new();
        warnings.write(&mut headers);
        let values = headers.get_all(WARNING).iter();
        values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()
    }

    #[test]
    fn each_is_said_once_and_quoted() {
        let warnings = Warnings::default();
        for text in [r#"unknown field "spec.foo""#, "", "two\nlines", r"C:\", r#"unknown field "spec.foo""#] {
            warnings.add(text);
        }
        assert_eq!(written(&warnings), [r#"299 - "unknown field \"spec.foo\"""#, r#"299 - "C:\\""#]);
    }

    #[test]
    fn many_are_cut_and_end_where_the_headers_would_grow_too_large() {
        let warnings = Warnings::default();
        warnings.add("é".repeat(4096));
        assert_eq!(written(&warnings)[0].chars().count(), 4096 + r#"299 - """#.len());
        for number in 0..100 {
            warnings.add(format!("{number:02}{}", "x".repeat(1000)));
        }
        let cut = written(&warnings);
        assert_eq!(cut.len(), 16);
        assert!(cut.iter().all(|text| text.chars().count() == 256 + r#"299 - """#.len()), "{cut:?}");
    }
}
