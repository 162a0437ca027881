//! Which files of an archive make up the artifact, and by which paths.
use crate::EntryPath;
use crds::{external_source::Select, path_patterns::PathPatterns};

/// What `spec.select` says; without it, all files as they are.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// How many leading folders go.
    stripped: usize,
    included: Option<PathPatterns>,
    excluded: PathPatterns,
}

impl Selection {
    /// That of a checked spec.
    pub fn new(select: &Select) -> Self {
        let patterns =
            |patterns: &[String]| PathPatterns::new(patterns).expect("the rules accepted these patterns");
        Self {
            stripped: select.strip_components.and_then(|count| count.try_into().ok()).unwrap_or(0),
            included: (!select.include.is_empty()).then(|| patterns(&select.include)),
            excluded: patterns(&select.exclude),
        }
    }

    /// Whether every file stays as it is.
    pub(super) fn is_all(&self) -> bool {
        self.stripped == 0 && self.included.is_none() && self.excluded.is_empty()
    }

    /// The path that a file is to have; `None` if it is left out.
    pub(super) fn of(&self, path: &EntryPath) -> Option<EntryPath> {
        let path = path.as_str().splitn(self.stripped + 1, '/').nth(self.stripped)?;
        let is_included = self.included.as_ref().is_none_or(|included| included.match_any(path));
        let stays = is_included && !self.excluded.match_any(path);
        stays.then(|| EntryPath::new(path).expect("what follows a folder of a path is one"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(select: &Select, path: &str) -> Option<String> {
        Selection::new(select).of(&EntryPath::new(path).unwrap()).map(String::from)
    }

    fn patterns(patterns: &[&str]) -> Vec<String> {
        patterns.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn folders_are_cut_off_and_what_does_not_lie_so_deep_goes() {
        for (count, path, stays) in [
            (0, "a/b/c", Some("a/b/c")),
            (1, "a/b/c", Some("b/c")),
            (2, "a/b/c", Some("c")),
            (3, "a/b/c", None),
            (1, "README", None),
        ] {
            let select = Select { strip_components: Some(count), ..Select::default() };
            assert_eq!(selected(&select, path).as_deref(), stays, "{count} of {path}");
        }
    }

    #[test]
    fn patterns_are_asked_about_what_is_left_of_a_path() {
        let select = Select {
            strip_components: Some(1),
            include: patterns(&["deploy/**", "*.yaml"]),
            exclude: patterns(&["**/*_test.yaml"]),
        };
        for (path, stays) in [
            ("repo-1.2.3/deploy/a.yaml", Some("deploy/a.yaml")),
            ("repo-1.2.3/deploy/b/c.txt", Some("deploy/b/c.txt")),
            ("repo-1.2.3/deploy/b/c_test.yaml", None),
            ("repo-1.2.3/top.yaml", Some("top.yaml")),
            ("repo-1.2.3/docs/top.yaml", None),
            ("deploy/a.txt", None),
        ] {
            assert_eq!(selected(&select, path).as_deref(), stays, "{path}");
        }
    }
}
