//! Tables in the documentation that promise something in each row and name the tests that show it.
use crate::tree;
use std::{collections::BTreeSet, fs};

/// A row: what stands in its first cell, and the tests that its last cell names.
pub(crate) type Row = (String, Vec<String>);

/// The text of a document.
pub(crate) fn text(document: &str) -> String {
    fs::read_to_string(tree::root().join(document)).expect("the document is there")
}

/// The rows of all tables in a document whose first cell is a promise; `is_promise` knows the heads of tables apart.
pub(crate) fn rows(document: &str, is_promise: impl Fn(&str) -> bool) -> Vec<Row> {
    rows_of(&text(document), is_promise)
}

/// The same of a text, such as a part of a document.
pub(crate) fn rows_of(text: &str, is_promise: impl Fn(&str) -> bool) -> Vec<Row> {
    let cells = text.lines().filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'));
    let rows = cells.map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    let promises = rows.filter(|cells| is_promise(cells[0]));
    promises.map(|cells| (cells[0].to_owned(), quoted(cells.last().expect("a row has cells")))).collect()
}

/// Fails for a row without a test, or with one that does not exist.
pub(crate) fn assert_kept(rows: &[Row]) {
    let existing = tests();
    for (promise, named) in rows {
        assert!(!named.is_empty(), "{promise} names no test");
        for test in named {
            assert!(existing.contains(test), "{promise} names {test}, which is no test");
        }
    }
}

/// The name of every test in the workspace.
pub(crate) fn tests() -> BTreeSet<String> {
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

fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
