//! Terms as an object is compared with them: of one key and one operator, one term says what all together say. However many
//! terms a client writes, an object costs what its own labels and fields cost.
use super::{Operator, Requirement, pace::Pace};
use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

type Values<'a> = BTreeSet<&'a str>;

/// As few terms as accept the same, sorted by key.
pub(super) async fn merged(terms: &[Requirement], pace: &mut Pace) -> Vec<Requirement> {
    let mut by_kind: BTreeMap<(&str, Operator), Values<'_>> = BTreeMap::new();
    for term in terms {
        pace.step().await;
        let values = || term.values.iter().map(String::as_str).collect::<Values<'_>>();
        match by_kind.entry((&term.key, term.operator)) {
            Entry::Vacant(first) => drop(first.insert(values())),
            Entry::Occupied(mut before) => join(before.get_mut(), term.operator, values()),
        }
    }
    let mut merged = Vec::with_capacity(by_kind.len());
    for ((key, operator), values) in by_kind {
        pace.step().await;
        let values = values.into_iter().map(str::to_owned).collect();
        merged.push(Requirement { key: key.to_owned(), operator, values });
    }
    merged
}

/// What must hold beside what held before.
fn join<'a>(before: &mut Values<'a>, operator: Operator, values: Values<'a>) {
    match operator {
        Operator::In => before.retain(|value| values.contains(value)),
        Operator::NotIn => before.extend(values),
        Operator::Exists | Operator::DoesNotExist => {}
        Operator::GreaterThan | Operator::LessThan => {
            before.extend(values);
            let bound = |value: &&&str| value.parse::<i64>().ok();
            let strictest = match operator {
                Operator::GreaterThan => before.iter().max_by_key(bound),
                _ => before.iter().min_by_key(bound),
            };
            *before = strictest.copied().into_iter().collect();
        }
    }
}
