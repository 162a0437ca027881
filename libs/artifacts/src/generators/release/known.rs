//! By what a release is known again: a word of ours, and after it the ETags of the pages on which it was found. Pure.
//!
//! Both stand where other sources have an ETag, since both are worth something only while the spec asks for the same. The word alone
//! tells whether something is new; the ETags spare the API from telling everything.
use crate::fetch::Validators;

/// The most that is remembered of ETags, in bytes; what is more is asked for again.
const MOST: usize = 2048;

/// What is known from the last pass, if anything is.
pub(super) struct Known<'a>(Option<&'a str>);

impl<'a> Known<'a> {
    pub(super) fn new(validators: Option<&'a Validators>) -> Self {
        Self(validators.and_then(|validators| validators.etag.as_deref()))
    }

    /// Whether it is all that: the release and the assets, and what they were found by.
    pub(super) fn is(&self, validators: &Validators) -> bool {
        self.0.is_some() && self.0 == validators.etag.as_deref()
    }

    pub(super) fn is_of(&self, fingerprint: &str) -> bool {
        self.0.and_then(|known| known.split(' ').next()) == Some(fingerprint)
    }

    /// The ETags of the pages.
    pub(super) fn etags(&self) -> impl Iterator<Item = &'a str> {
        self.0.into_iter().flat_map(|known| known.split(' ').skip(1))
    }
}

/// What is to be known next time.
pub(super) fn known(fingerprint: &str, etags: &[String]) -> Validators {
    let is_one_word = |etag: &String| !etag.is_empty() && etag.bytes().all(|byte| byte.is_ascii_graphic());
    let fit = etags.iter().all(is_one_word) && etags.iter().map(String::len).sum::<usize>() <= MOST;
    let etags = if fit { etags } else { &[] };
    let words = std::iter::once(fingerprint).chain(etags.iter().map(String::as_str));
    Validators { etag: Some(words.collect::<Vec<_>>().join(" ")), last_modified: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn etags_of(validators: &Validators) -> Vec<&str> {
        Known::new(Some(validators)).etags().collect()
    }

    #[test]
    fn what_was_found_is_known_again_with_the_pages_that_told_of_it() {
        let etags = ["\"a\"", "W/\"b\""].map(str::to_owned);
        let found = known("\"release-1\"", &etags);
        assert_eq!(etags_of(&found), etags);
        let again = Known::new(Some(&found));
        assert!(again.is(&found) && again.is_of("\"release-1\"") && !again.is_of("\"release-2\""));
        let other = known("\"release-1\"", &etags[..1]);
        assert!(!again.is(&other), "another page is something new to know");
    }

    #[test]
    fn who_knows_nothing_asks_for_everything() {
        let nothing = Known::new(None);
        assert!(nothing.etags().next().is_none() && !nothing.is_of("\"release-1\""));
        for bad in ["a b", "", "a\nb", "ä", &"a".repeat(MOST + 1)] {
            let found = known("\"release-1\"", &["\"a\"".to_owned(), bad.to_owned()]);
            assert!(etags_of(&found).is_empty() && Known::new(Some(&found)).is_of("\"release-1\""), "{bad}");
        }
    }
}
