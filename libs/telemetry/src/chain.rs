//! Errors as the edge prints them: with their causes, once.
use std::{error::Error, fmt};

/// An error and its causes on one line. Errors of other crates tell their causes too, so what the line holds already is
/// left out; and so are the fields of a cause behind its words, which kube's `Display` adds.
#[derive(Debug)]
pub struct Chain<'a>(pub &'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = self.0.to_string();
        let mut next = self.0.source();
        while let Some(cause) = next {
            line = line.replace(&format!(" ({cause:?})"), "");
            let text = cause.to_string();
            if !line.contains(&text) {
                line.push_str(": ");
                line.push_str(&text);
            }
            next = cause.source();
        }
        f.write_str(&line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thiserror::Error;

    #[derive(Debug, Error)]
    #[error("connection refused")]
    struct Refused;

    #[derive(Debug, Error)]
    enum Failed {
        #[error("failed to list pods")]
        Silent(#[source] Refused),
        #[error("failed to list pods: {0}")]
        Told(#[source] Refused),
    }

    #[test]
    fn a_cause_is_told_once() {
        for failed in [Failed::Silent(Refused), Failed::Told(Refused)] {
            assert_eq!(Chain(&failed).to_string(), "failed to list pods: connection refused", "{failed:?}");
        }
        assert_eq!(Chain(&Refused).to_string(), "connection refused");
    }

    #[test]
    fn a_cause_is_told_in_words_and_not_by_its_fields() {
        #[derive(Debug, Error)]
        #[error("pods is forbidden")]
        struct Status {
            code: u16,
        }
        #[derive(Debug, Error)]
        #[error("ApiError: {0} ({0:?})")]
        struct Api(#[source] Status);
        #[derive(Debug, Error)]
        #[error("failed to list: {0}")]
        struct Watch(#[source] Api);
        let error = Watch(Api(Status { code: 403 }));
        assert!(error.to_string().contains("code: 403"));
        assert_eq!(Chain(&error).to_string(), "failed to list: ApiError: pods is forbidden");
    }
}
