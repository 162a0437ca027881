//! What makes expressions, and the files that they make, wrong anywhere. Whether each is one, its language says.
use super::{ExternalSourceSpec, LONGEST_PATH, Violations};
use crate::{
    entry_path::EntryPath,
    external_source::{LayoutFile, Settings},
    installation::Installation,
};
use std::collections::BTreeMap;

const MOST_FILES: usize = 32;
const LONGEST: usize = 4096;

/// Every expression, with the name of its field.
fn all(spec: &ExternalSourceSpec) -> impl Iterator<Item = (String, &str)> {
    let transform = spec.transform.iter().map(|transform| ("spec.transform.cel".to_owned(), &*transform.cel));
    let files = spec.layout.iter().enumerate();
    transform.chain(files.map(|(i, file)| (format!("spec.layout[{i}].cel"), &*file.cel)))
}

pub(super) fn expressions(found: &mut Violations, spec: &ExternalSourceSpec) {
    for (field, text) in all(spec) {
        if text.trim().is_empty() {
            found.required(&field, "write an expression, such as body");
        } else if text.len() > LONGEST {
            found.too_long(&field, text.len(), LONGEST);
        }
    }
    if spec.layout.len() > MOST_FILES {
        found.invalid_number("spec.layout", spec.layout.len() as i64, "must be 32 files or fewer");
    }
    let unpacks = spec.generator.settings().and_then(Settings::unpacks);
    if let Some(field) = unpacks.filter(|_| !spec.layout.is_empty()) {
        let detail =
            format!("may not be set together with {field}, which makes the files of an archive the artifact");
        found.forbidden("spec.layout", &detail);
    }
    paths(found, &spec.layout);
}

/// Paths are those of an archive, and no two of them are in each other's way.
fn paths(found: &mut Violations, layout: &[LayoutFile]) {
    let mut taken: BTreeMap<EntryPath, usize> = BTreeMap::new();
    for (i, file) in layout.iter().enumerate() {
        let field = format!("spec.layout[{i}].path");
        if file.path.len() > LONGEST_PATH {
            found.too_long(&field, file.path.len(), LONGEST_PATH);
            continue;
        }
        let path = match EntryPath::new(&*file.path) {
            Ok(path) => path,
            Err(why) => {
                found.invalid(&field, &file.path, &format!("{why}; must be a path such as apps/web.yaml"));
                continue;
            }
        };
        let is_above =
            |above: &EntryPath, below: &EntryPath| below.folders().any(|folder| folder == above.as_str());
        let other = taken
            .iter()
            .find(|(other, _)| **other == path || is_above(other, &path) || is_above(&path, other));
        match other {
            Some((_, other)) => {
                let detail =
                    format!("must be another file than spec.layout[{other}].path, and neither in the other");
                found.invalid(&field, &file.path, &detail);
            }
            None => drop(taken.insert(path, i)),
        }
    }
}

/// Asks the language about every expression that is not wrong already.
pub(super) fn language(spec: &ExternalSourceSpec, installation: &Installation<'_>, found: &mut Violations) {
    for (field, text) in all(spec).filter(|(_, text)| !text.trim().is_empty() && text.len() <= LONGEST) {
        match installation.expressions {
            None => found.forbidden(&field, "there are no expressions on this installation; remove it"),
            Some(language) => {
                if let Some(problem) = language.problem(text) {
                    found.invalid(&field, text, &problem);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
