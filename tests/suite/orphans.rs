//! A Rust file that no `mod` names is never compiled, and rots.
use crate::tree;
use std::path::Path;

#[test]
fn every_file_belongs_to_a_module() {
    let files = tree::rust_files();
    for (path, _) in &files {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if is_root(path) {
            continue;
        }
        let line = format!("mod {stem};");
        let named = files.iter().any(|(other, text)| {
            parents(path).iter().any(|parent| other == parent)
                && text.lines().any(|l| l.trim().ends_with(&line))
        });
        assert!(named, "{}: no parent has `{line}`", path.display());
    }
}

/// Files that cargo compiles by itself.
fn is_root(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let folder = path.parent().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default();
    ["main.rs", "lib.rs", "build.rs"].contains(&name)
        || ["examples", "benches", "bin", "fuzz_targets"].contains(&folder)
        || (folder == "tests" && !path.starts_with("tests"))
}

/// Where a `mod` line for that file may stand: the file named as its folder, or the root beside it.
fn parents(path: &Path) -> Vec<std::path::PathBuf> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut found: Vec<_> = ["lib.rs", "main.rs"].iter().map(|name| folder.join(name)).collect();
    found.push(folder.with_extension("rs"));
    found
}
