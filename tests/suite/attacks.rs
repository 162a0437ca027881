//! `docs/attacks.md` says which test shows that an attack on servers like ours fails here: all such tests are there.
use crate::promises;
use std::collections::BTreeSet;

/// How many attacks the table tells of; whoever adds one counts it here.
const ATTACKS: usize = 58;

#[test]
fn every_attack_names_its_tests_and_these_exist() {
    let rows = promises::rows("docs/attacks.md", |cell| !cell.starts_with("---") && cell != "attack");
    assert_eq!(rows.len(), ATTACKS);
    promises::assert_kept(&rows);
    let named: BTreeSet<&String> = rows.iter().flat_map(|(_, tests)| tests).collect();
    let existing = promises::tests();
    let is_attack = |test: &&String| test.starts_with("cve_") || test.starts_with("rustsec_");
    let missing: Vec<_> = existing.iter().filter(is_attack).filter(|test| !named.contains(test)).collect();
    assert!(missing.is_empty(), "docs/attacks.md does not name {missing:?}");
}
