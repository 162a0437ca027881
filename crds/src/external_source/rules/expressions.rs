//! What makes expressions, and the files that they make, wrong anywhere. Whether each is one, its language says.
use super::{ExternalSourceSpec, LONGEST_PATH, Violations};
use crate::{
    entry_path::EntryPath,
    external_source::{Expression, Language, LayoutFile, Settings},
    installation::Installation,
};
use std::collections::BTreeMap;

const MOST_FILES: usize = 32;
const LONGEST: usize = 4096;

/// Everything that may hold an expression, with its path.
fn all(spec: &ExternalSourceSpec) -> impl Iterator<Item = (String, &Expression)> {
    let transform = spec.transform.iter().map(|transform| ("spec.transform".to_owned(), transform));
    let files = spec.layout.iter().enumerate();
    transform.chain(files.map(|(i, file)| (format!("spec.layout[{i}]"), &file.expression)))
}

pub(super) fn expressions(found: &mut Violations, spec: &ExternalSourceSpec) {
    for (path, expression) in all(spec) {
        if expression.set().next().is_none() {
            found.required(&path, "set one of cel, jq and template");
        }
        let mut first = None;
        for (language, text) in expression.set() {
            let field = format!("{path}.{}", language.field());
            if let Some(first) = first.replace(language) {
                let detail = format!("may not be set together with {}; keep one of them", first.field());
                found.forbidden(&field, &detail);
            }
            if text.trim().is_empty() {
                found.required(&field, &format!("write {}", example(language)));
            } else if text.len() > LONGEST {
                found.too_long(&field, text.len(), LONGEST);
            }
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

fn example(language: Language) -> &'static str {
    match language {
        Language::Cel => "an expression, such as body",
        Language::Jq => "an expression, such as .items",
        Language::Template => "a template, such as {{ body.name }}",
    }
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
    for (path, expression) in all(spec) {
        for (language, text) in
            expression.set().filter(|(_, text)| !text.trim().is_empty() && text.len() <= LONGEST)
        {
            let field = format!("{path}.{}", language.field());
            match installation.expressions {
                None => found.forbidden(&field, "there are no expressions on this installation; remove it"),
                Some(languages) => {
                    if let Some(problem) = languages.problem(language, text) {
                        found.invalid(&field, text, &problem);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
