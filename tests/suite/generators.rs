//! `docs/add-a-generator.md` names all files that a generator takes. Here it is followed, for those that exist.
use crate::{promises, tree};
use crds::external_source::GeneratorType;
use std::collections::BTreeSet;

const PAGE: &str = "docs/add-a-generator.md";

/// The files that the page's tables name, for one generator.
fn named(generator: &str) -> BTreeSet<String> {
    let text = promises::text(PAGE);
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    let files = rows.filter_map(|row| row.split('`').next());
    files.filter(|file| file.ends_with(".rs")).map(|file| file.replace("NAME", generator)).collect()
}

#[test]
fn every_file_that_the_page_names_is_there() {
    for kind in GeneratorType::ALL {
        let files = named(kind.name());
        assert_eq!(files.len(), 4, "two files and two lists: {files:?}");
        for file in files {
            assert!(tree::root().join(&file).is_file(), "{PAGE} names {file}");
        }
    }
}

/// `http` alone is known elsewhere: it makes the requests that preRequest hooks change.
#[test]
fn a_generator_touches_only_the_files_that_the_page_names() {
    for kind in GeneratorType::ALL.iter().filter(|kind| **kind != GeneratorType::Http) {
        let (name, files) = (kind.name(), named(kind.name()));
        let value = format!("{kind:?}");
        let words =
            [format!("{value}Generator"), format!("GeneratorType::{value}"), format!("generators::{name}")];
        let mut touched = BTreeSet::new();
        for (path, text) in tree::rust_files() {
            let path = path.to_string_lossy().into_owned();
            let is_test = path.contains("tests/") || path.ends_with("tests.rs");
            let code = text.split("#[cfg(test)]").next().unwrap_or(&text);
            if !is_test && words.iter().any(|word| code.contains(word)) {
                touched.insert(path);
            }
        }
        let folders: Vec<String> = files
            .iter()
            .filter_map(|file| file.strip_suffix(&format!("{name}.rs")))
            .map(|at| format!("{at}{name}/"))
            .collect();
        touched.retain(|path| !folders.iter().any(|folder| path.starts_with(folder)));
        assert!(!touched.is_empty() && touched.is_subset(&files), "{PAGE} does not name all of {touched:?}");
    }
}
