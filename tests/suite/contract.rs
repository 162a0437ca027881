//! `libs/extension-apiserver/docs/contract.md` says which test holds the library to which rule: all rules are there, and
//! so are all tests.
use crate::promises;

/// How many rules each part of the contract has.
const RULES: [(&str, usize); 9] = [
    ("AUTHN", 21),
    ("AUTHZ", 10),
    ("DISC", 16),
    ("OAPI", 7),
    ("NEG", 14),
    ("LW", 13),
    ("REQ", 14),
    ("SHUT", 1),
    ("DEP", 9),
];

/// How many things the contract has every server tested for.
const CHECKS: usize = 18;

#[test]
fn every_rule_names_its_tests_and_these_exist() {
    let is_rule = |cell: &str| cell.ends_with(|last: char| last.is_ascii_digit());
    let rows = promises::rows("libs/extension-apiserver/docs/contract.md", is_rule);
    let parts = RULES.iter().flat_map(|(part, count)| (1..=*count).map(move |n| format!("{part}-{n}")));
    let expected: Vec<String> = parts.chain((1..=CHECKS).map(|n| n.to_string())).collect();
    let listed: Vec<&String> = rows.iter().map(|(rule, _)| rule).collect();
    assert_eq!(listed, expected.iter().collect::<Vec<_>>());
    promises::assert_kept(&rows);
}
