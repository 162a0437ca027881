//! `docs/promises.md` has a row for each promise of the design that `ExternalSource` follows, and names the tests that show it.
use crate::promises;

/// How many promises the design makes: E001 and on.
const PROMISES: usize = 92;

#[test]
fn every_promise_of_the_design_is_shown_by_a_test_or_said_to_be_open() {
    let text = promises::text("docs/promises.md");
    let (kept, open) = text.split_once("## Not kept yet").expect("the document ends in what is open");
    let [kept, open] = [kept, open].map(|part| promises::rows_of(part, |cell| cell.starts_with('E')));
    promises::assert_kept(&kept);

    let mut told: Vec<String> = kept.into_iter().chain(open).map(|(promise, _)| promise).collect();
    told.sort_unstable();
    let made: Vec<String> = (1..=PROMISES).map(|number| format!("E{number:03}")).collect();
    assert_eq!(told, made);
}
