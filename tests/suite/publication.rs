//! `libs/extension-apiserver` as crates.io would get it. What `cargo publish --dry-run` checks without the registry is held here:
//! what the package holds, what is said of it, and that nothing it needs lies only in this tree.
use crate::{
    layers::metadata,
    tree::{self, cargo},
};
use serde_json::Value;
use std::{fs, path::Path};

const LIBRARY: &str = "extension-apiserver";
/// What a package has beside its code.
const NEEDED: [&str; 8] = [
    "CHANGELOG.md",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "docs/contract.md",
    "examples/gauges.rs",
    "src/lib.rs",
];
/// What its files may be, by how their names end.
const EXPECTED: [&str; 6] = [".rs", ".md", ".yaml", ".toml", ".toml.orig", ".lock"];

#[test]
fn the_package_of_the_library_holds_what_its_users_need_and_nothing_else() {
    let files = packaged();
    let missing: Vec<_> = NEEDED.iter().filter(|needed| !files.iter().any(|file| file == *needed)).collect();
    assert!(missing.is_empty(), "{missing:?} are not packaged");
    let is_expected = |file: &str| {
        file.starts_with("LICENSE-")
            || file == ".cargo_vcs_info.json"
            || EXPECTED.iter().any(|end| file.ends_with(end))
    };
    let strange: Vec<_> = files.iter().filter(|file| !is_expected(file)).collect();
    assert!(strange.is_empty(), "{strange:?} are packaged");
}

#[test]
fn the_code_of_the_library_reads_no_file_outside_its_package() {
    let (files, root) = (packaged(), tree::root().join("libs").join(LIBRARY));
    for file in files.iter().filter(|file| file.ends_with(".rs")) {
        let text = fs::read_to_string(root.join(file)).expect("it is packaged from there");
        for included in text.split("include_str!(\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            let folder = root.join(Path::new(file).parent().expect("a folder"));
            let path = folder.join(included).canonicalize().expect("the program includes it");
            let path = path.strip_prefix(&root).map(|path| path.to_string_lossy().into_owned());
            assert!(path.is_ok_and(|path| files.contains(&path)), "{file} includes {included}");
        }
    }
}

#[test]
fn what_is_said_of_the_library_is_what_the_registry_asks_for() {
    let library = library();
    for field in ["description", "license", "repository", "readme", "rust_version"] {
        assert!(library[field].as_str().is_some_and(|text| !text.is_empty()), "{field} is missing");
    }
    assert_eq!(library["publish"], Value::Null, "it may be published");
    for (field, most) in [("keywords", 5), ("categories", 5)] {
        let count = library[field].as_array().map_or(0, Vec::len);
        assert!((1..=most).contains(&count), "{count} {field}");
    }
}

#[test]
fn whatever_the_library_needs_has_a_version_in_the_registry() {
    for dependency in library()["dependencies"].as_array().expect("dependencies") {
        let (name, requirement) = (&dependency["name"], dependency["req"].as_str().unwrap_or("*"));
        assert_ne!(requirement, "*", "{name} has no version");
        let source = dependency["source"].as_str().unwrap_or_default();
        assert!(source.starts_with("registry+"), "{name} comes from {source:?}");
    }
}

fn library() -> Value {
    let mut packages = metadata()["packages"].take();
    let packages = packages.as_array_mut().expect("packages").iter_mut();
    packages.map(Value::take).find(|package| package["name"] == LIBRARY).expect("it is in this tree")
}

/// The README's first server, word for word in a crate of its own, which has nothing but what the README says to write down.
#[test]
fn the_first_server_of_the_readme_compiles_with_the_dependencies_that_it_lists() {
    let library = tree::root().join("libs").join(LIBRARY);
    let readme = fs::read_to_string(library.join("README.md")).expect("the README");
    let block = |language: &str| {
        let (_, rest) = readme.split_once(&format!("```{language}\n")).expect(language);
        rest.split("```").next().expect("split gives one at least").to_owned()
    };
    let published = format!("{LIBRARY} = \"0.1\"");
    let dependencies = block("toml");
    assert!(dependencies.contains(&published), "{dependencies}");
    let here = format!("{LIBRARY} = {{ path = {library:?} }}");
    let package = "[package]\nname = \"lights\"\nedition = \"2024\"\n[workspace]\n";
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("first-server");
    fs::create_dir_all(folder.join("src")).expect("a folder");
    let manifest = format!("{package}{}", dependencies.replace(&published, &here));
    fs::write(folder.join("Cargo.toml"), manifest).expect("a manifest");
    fs::write(folder.join("src/main.rs"), block("rust,no_run")).expect("a program");
    fs::copy(tree::root().join("Cargo.lock"), folder.join("Cargo.lock")).expect("the same versions");
    cargo(&folder, &["check", "--quiet", "--offline", "--target-dir", "target"]);
}

/// Its files, relative to its folder.
fn packaged() -> Vec<String> {
    let files =
        cargo(&tree::root(), &["package", "--list", "--offline", "--allow-dirty", "--package", LIBRARY]);
    files.lines().map(|file| file.replace('\\', "/")).collect()
}
