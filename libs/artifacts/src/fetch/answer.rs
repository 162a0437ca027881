//! Whether an answer carries data. Pure: it is judged by its status and headers alone.
use super::{Validators, pause};
use crate::{Error, generators::Expected};
use crds::names::is_media_range;
use http::{HeaderMap, HeaderName, StatusCode, header};
use jiff::Timestamp;

/// Longer ones are not kept: they would be written into every status.
const LONGEST_VALIDATOR: usize = 1024;

/// Judges status and content type.
pub(super) struct Answer<'a> {
    pub(super) host: &'a str,
    pub(super) status: StatusCode,
    pub(super) headers: &'a HeaderMap,
}

impl Answer<'_> {
    /// # Errors
    /// The answer is not the one that is expected.
    pub(super) fn check(&self, expected: &Expected, now: Timestamp) -> Result<(), Error> {
        if !status_is_expected(self.status, expected) {
            let asked = pause::asked(self.headers, now);
            return Err(Error::Answered {
                host: self.host.to_owned(),
                status: self.status,
                pause: asked.duration,
                limited: asked.limited,
            });
        }
        let Some(ranges) = &expected.media_types else { return Ok(()) };
        let found = self.content_type();
        if found.as_deref().is_some_and(|found| ranges.iter().any(|range| covers(range, found))) {
            return Ok(());
        }
        Err(Error::UnexpectedContentType {
            host: self.host.to_owned(),
            found: found.unwrap_or_else(|| "no content type".to_owned()),
            expected: ranges.join(" or "),
        })
    }

    /// The media type, in lower case and without parameters; `None` if it is none.
    pub(super) fn content_type(&self) -> Option<String> {
        media_type(self.text(&header::CONTENT_TYPE)?)
    }

    /// What a later request can be made conditional with; strong, weak and badly quoted ETags alike, since only the
    /// server compares them.
    pub(super) fn validators(&self) -> Validators {
        let validator = |name| {
            let text = self.text(name)?;
            (!text.is_empty() && text.len() <= LONGEST_VALIDATOR).then(|| text.to_owned())
        };
        Validators { etag: validator(&header::ETAG), last_modified: validator(&header::LAST_MODIFIED) }
    }

    fn text(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// The media type of a `Content-Type`, in lower case and without parameters; `None` if it is none.
pub(crate) fn media_type(content_type: &str) -> Option<String> {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    (is_media_range(&essence) && essence.len() <= LONGEST_VALIDATOR).then_some(essence)
}

/// Without a list any 2xx carries data but 206, which is a part that nobody asked for.
fn status_is_expected(status: StatusCode, expected: &Expected) -> bool {
    match &expected.statuses {
        Some(listed) => listed.contains(&status.as_u16()),
        None => status.is_success() && status != StatusCode::PARTIAL_CONTENT,
    }
}

/// Whether `found` is, or lies in, the media range.
fn covers(range: &str, found: &str) -> bool {
    let same_kind = |kind: &str| found.split_once('/').is_some_and(|(found, _)| found == kind);
    range == "*/*" || range == found || range.strip_suffix("/*").is_some_and(same_kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expecting(ranges: &[&str]) -> Expected {
        let media_types = Some(ranges.iter().map(ToString::to_string).collect());
        Expected { statuses: None, media_types, sha256: None, values: Vec::new() }
    }

    fn accepted(content_type: &'static str, ranges: &[&str]) -> bool {
        let headers = [(header::CONTENT_TYPE, content_type.parse().unwrap())].into_iter().collect();
        let answer = Answer { host: "example.com", status: StatusCode::OK, headers: &headers };
        answer.check(&expecting(ranges), Timestamp::UNIX_EPOCH).is_ok()
    }

    #[test]
    fn parameters_and_case_of_a_media_type_do_not_matter() {
        assert!(accepted("application/json", &["application/json"]));
        assert!(accepted("Application/JSON ; charset=utf-8", &["text/csv", "application/json"]));
    }

    #[test]
    fn a_range_covers_its_kind_and_nothing_else() {
        assert!(accepted("text/csv", &["text/*"]) && accepted("text/csv", &["*/*"]));
        for (found, range) in [
            ("text/html", "application/*"),
            ("application/jsonp", "application/json"),
            ("textual/csv", "text/*"),
            ("text", "text/*"),
            ("", "*/*"),
        ] {
            assert!(!accepted(found, &[range]), "{found} is not in {range}");
        }
    }

    #[test]
    fn every_2xx_carries_data_but_a_part() {
        let any = Expected { statuses: None, media_types: None, sha256: None, values: Vec::new() };
        let listed = Expected { statuses: Some(vec![206, 404]), ..any.clone() };
        let verdict = |code, expected| status_is_expected(StatusCode::from_u16(code).unwrap(), expected);
        for (code, by_default, by_list) in [
            (200, true, false),
            (204, true, false),
            (206, false, true),
            (302, false, false),
            (404, false, true),
        ] {
            assert_eq!((verdict(code, &any), verdict(code, &listed)), (by_default, by_list), "{code}");
        }
    }
}
