//! The source tree as the tests of its shape see it.
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_owned()
}

/// Every Rust file of ours with its text, by path relative to the root.
pub(crate) fn rust_files() -> Vec<(PathBuf, String)> {
    let root = root();
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the tree is readable").flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(path);
            } else if name.ends_with(".rs") {
                let text = fs::read_to_string(&path).expect("source files are UTF-8");
                found.push((path.strip_prefix(&root).expect("below the root").to_owned(), text));
            }
        }
    }
    found.sort();
    assert!(found.len() > 50, "the scan lost its way: {} files below {}", found.len(), root.display());
    found
}

/// What cargo writes, in this folder; it must succeed.
pub(crate) fn cargo(folder: &Path, args: &[&str]) -> String {
    let out = Command::new(env!("CARGO")).args(args).current_dir(folder).output().expect("cargo runs");
    assert!(out.status.success(), "cargo {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("UTF-8")
}

#[test]
fn a_file_says_first_what_it_is_and_ends_before_it_is_too_long() {
    const LONGEST: usize = 400;
    for (path, text) in rust_files() {
        assert!(text.starts_with("//!"), "{}: must open with a //! line", path.display());
        let code = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or(&text).lines().count();
        assert!(code <= LONGEST, "{}: {code} lines, may have {LONGEST}: split it", path.display());
    }
}

#[test]
fn no_file_is_named_for_nothing() {
    for (path, _) in rust_files() {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let vague = ["mod", "util", "utils", "helper", "helpers", "common", "misc"].contains(&stem);
        assert!(!vague, "{}: name the thing", path.display());
    }
}
