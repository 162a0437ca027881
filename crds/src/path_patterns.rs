//! Patterns of paths, as shells have them: `*` and `?` for anything but `/`, `**` for any folders, `[a-z]` and `{a,b}`.
use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};

/// Patterns, of which a path may match any.
#[derive(Clone, Debug, Default)]
pub struct PathPatterns(GlobSet);

impl PathPatterns {
    /// Reads them.
    ///
    /// # Errors
    /// What is wrong with the first that is none, or that they are too much together.
    pub fn new(patterns: &[String]) -> Result<Self, String> {
        let mut set = GlobSetBuilder::new();
        for text in patterns {
            set.add(pattern(text)?);
        }
        set.build().map(Self).map_err(|error| error.kind().to_string())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of them matches the whole of a path.
    pub fn match_any(&self, path: &str) -> bool {
        self.0.is_match(path)
    }
}

/// Reads one.
///
/// # Errors
/// What is wrong with it.
pub fn pattern(text: &str) -> Result<Glob, String> {
    let glob = GlobBuilder::new(text).literal_separator(true).backslash_escape(false).build();
    glob.map_err(|error| error.kind().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_paths() {
        for (text, path, matches) in [
            ("a.yaml", "a.yaml", true),
            ("a.yaml", "b/a.yaml", false),
            ("*.yaml", "b/a.yaml", false),
            ("**/*.yaml", "a.yaml", true),
            ("**/*.yaml", "b/c/a.yaml", true),
            ("b/**", "b/c/a.yaml", true),
            ("b/**", "b", false),
            ("b", "b/a.yaml", false),
            ("[a-c].{yaml,json}", "b.json", true),
            ("[a-c].{yaml,json}", "d.json", false),
            ("a?c", "a/c", false),
            ("*", ".hidden", true),
        ] {
            let patterns = PathPatterns::new(&[text.to_owned()]).expect(text);
            assert_eq!(patterns.match_any(path), matches, "{text} of {path}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_told_in_a_few_words() {
        for text in ["[a", "{a,b", "a}", "[z-a]"] {
            let why = pattern(text).expect_err(text);
            assert!(!why.is_empty() && !why.contains('\n'), "{why}");
        }
    }
}
