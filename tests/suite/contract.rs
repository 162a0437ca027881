//! `libs/extension-apiserver/docs/contract.md` says which test holds the library to which rule: all rules are there, and
//! so are all tests.
use crate::tree;
use std::{collections::BTreeSet, fs};

/// How many rules each part of the contract has.
const RULES: [(&str, usize); 8] = [
    ("AUTHN", 21),
    ("AUTHZ", 10),
    ("DISC", 16),
    ("OAPI", 7),
    ("NEG", 14),
    ("LW", 13),
    ("REQ", 14),
    ("SHUT", 1),
];

/// How many things the contract has every server tested for.
const CHECKS: usize = 18;

#[test]
fn every_rule_names_its_tests_and_these_exist() {
    let rows = rows();
    let parts = RULES.iter().flat_map(|(part, count)| (1..=*count).map(move |n| format!("{part}-{n}")));
    let expected: Vec<String> = parts.chain((1..=CHECKS).map(|n| n.to_string())).collect();
    let listed: Vec<&String> = rows.iter().map(|(rule, _)| rule).collect();
    assert_eq!(listed, expected.iter().collect::<Vec<_>>());

    let existing = tests();
    for (rule, named) in &rows {
        assert!(!named.is_empty(), "{rule} names no test");
        for test in named {
            assert!(existing.contains(test), "{rule} names {test}, which is no test");
        }
    }
}

/// The rules, each with the tests in its last column.
fn rows() -> Vec<(String, Vec<String>)> {
    let path = tree::root().join("libs/extension-apiserver/docs/contract.md");
    let text = fs::read_to_string(path).expect("the contract is there");
    let cells = text.lines().filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'));
    let rows = cells.map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    let rules = rows.filter(|cells| cells[0].ends_with(|last: char| last.is_ascii_digit()));
    rules.map(|cells| (cells[0].to_owned(), quoted(cells.last().expect("a row has cells")))).collect()
}

fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The name of every test in the workspace.
fn tests() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (_, text) in tree::rust_files() {
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            if let Some(rest) = line.strip_prefix("async fn ").or(line.strip_prefix("fn ")) {
                let name = rest.split('(').next().unwrap_or_default();
                if std::mem::take(&mut is_test) {
                    found.insert(name.to_owned());
                }
            }
            is_test |= matches!(line, "#[test]" | "#[tokio::test]") || line.starts_with("#[tokio::test(");
        }
    }
    found
}
