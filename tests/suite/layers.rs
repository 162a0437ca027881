//! The dependency arrows of the workspace, written down once and checked.
use crate::tree::{self, cargo};
use std::collections::BTreeMap;

/// Who may import whom, as in the layer table of ARCHITECTURE.md.
const ALLOWED: &[(&str, &[&str])] = &[
    ("seeds", &[]),
    ("extension-apiserver", &[]),
    ("crds", &["seeds"]),
    ("telemetry", &[]),
    ("certs", &["telemetry"]),
    ("hooks", &["crds", "seeds"]),
    ("expressions", &["crds", "seeds"]),
    ("installation", &["crds", "expressions", "hooks", "telemetry"]),
    ("artifacts", &["crds", "expressions", "hooks", "seeds", "telemetry"]),
    ("previews", &["crds", "telemetry"]),
    ("apiserver", &["artifacts", "crds", "extension-apiserver", "previews", "telemetry"]),
    ("webhook", &["crds", "extension-apiserver", "installation", "previews", "telemetry"]),
    (
        "controller",
        &[
            "artifacts",
            "certs",
            "crds",
            "expressions",
            "extension-apiserver",
            "hooks",
            "installation",
            "previews",
            "telemetry",
        ],
    ),
    ("hook-executor", &["hooks", "installation", "telemetry"]),
    (
        "postern",
        &[
            "apiserver",
            "artifacts",
            "certs",
            "controller",
            "crds",
            "expressions",
            "extension-apiserver",
            "hook-executor",
            "hooks",
            "installation",
            "previews",
            "telemetry",
            "webhook",
        ],
    ),
    ("tools", &[]),
    ("attackers", &[]),
    ("cluster", &["crds", "tools"]),
    (
        "tests",
        &[
            "artifacts",
            "attackers",
            "certs",
            "cluster",
            "crds",
            "expressions",
            "extension-apiserver",
            "hooks",
        ],
    ),
    ("bench", &["artifacts", "cluster", "crds", "hooks"]),
    ("wardle", &["extension-apiserver"]),
];

#[test]
fn crates_only_look_down() {
    let allowed: BTreeMap<_, _> = ALLOWED.iter().copied().collect();
    for package in metadata()["packages"].as_array().expect("packages") {
        let name = package["name"].as_str().expect("name");
        let may = allowed.get(name).unwrap_or_else(|| panic!("{name} has no row in the layer table"));
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let to = dependency["name"].as_str().expect("name");
            let ours = allowed.contains_key(to) && dependency["path"].is_string();
            assert!(!ours || may.contains(&to), "{name} must not import {to}");
        }
    }
}

#[test]
fn no_published_program_can_be_ended_at_a_step() {
    for selection in [&["postern"][..], &["postern", "bench", "wardle"]] {
        let mut args = vec!["tree", "--offline", "--locked", "--prefix=none", "--edges=normal,build"];
        args.extend(selection.iter().flat_map(|package| ["--package", package]));
        let crates = cargo(&tree::root(), &args);
        assert!(crates.contains("artifacts v"), "{crates}");
        assert!(!crates.lines().any(|line| line.starts_with("fail v")), "{selection:?}");
    }
}

#[test]
fn every_version_stands_in_the_root_manifest() {
    for package in metadata()["packages"].as_array().expect("packages") {
        let path = package["manifest_path"].as_str().expect("path");
        let text = std::fs::read_to_string(path).expect("manifest");
        // The library is published alone, so it names the one version that others may want to choose.
        let own = if package["name"] == "extension-apiserver" { 2 } else { 0 };
        let versions = text.lines().filter(|line| line.contains("version = \"")).count();
        let root = package["name"] == "postern";
        assert!(root || versions <= own, "{path}: versions belong into the root Cargo.toml");
    }
}

#[test]
fn everything_may_be_used_under_either_licence() {
    for package in metadata()["packages"].as_array().expect("packages") {
        assert_eq!(package["license"], "MIT OR Apache-2.0", "{}", package["name"]);
    }
    for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
        assert!(tree::root().join(licence).is_file(), "{licence} is missing");
    }
}

/// What cargo says of the crates of this tree.
pub(crate) fn metadata() -> serde_json::Value {
    let said = cargo(&tree::root(), &["metadata", "--format-version=1", "--no-deps", "--offline"]);
    serde_json::from_str(&said).expect("json")
}
