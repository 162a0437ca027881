//! The seeds on stable, and random input of the same shapes.
use super::*;
use proptest::prelude::*;
use serde_json::json;
use std::{fs, path::Path};

/// Gives every seed of a target to its function.
fn replay(target: &str, judge: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let seeds: Vec<_> =
        fs::read_dir(folder).expect("a corpus").map(|seed| seed.expect("a seed").path()).collect();
    assert!(seeds.len() >= 3, "{target} has {} seeds", seeds.len());
    for seed in seeds {
        judge(&fs::read(seed).expect("a seed"));
    }
}

#[test]
fn every_seed_is_answered() {
    replay("selectors", selectors);
    replay("continue_token", continue_token);
    replay("media_types", media_types);
    replay("query", query);
    replay("patch", patch);
    replay("identity", identity);
}

/// JSON with few keys, so that patches hit something.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-c~/]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-c]", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn object() -> impl Strategy<Value = Value> {
    prop::collection::btree_map("[a-c]", value(), 0..4)
        .prop_map(|fields| Value::Object(fields.into_iter().collect()))
}

fn operation() -> impl Strategy<Value = Value> {
    let op = prop::sample::select(vec!["add", "remove", "replace", "move", "copy", "test", "none"]);
    let path = || "(/[a-c0-2-]){0,3}";
    (op, path(), path(), value())
        .prop_map(|(op, path, from, value)| json!({"op": op, "path": path, "from": from, "value": value}))
}

proptest! {
    #[test]
    fn any_json_patch_gives_what_json_patch_gives(
        object in object(),
        operations in prop::collection::vec(operation(), 0..6),
    ) {
        patch(format!("{object}\n{}", Value::from(operations)).as_bytes());
    }

    #[test]
    fn any_merge_patch_gives_what_json_patch_gives(object in object(), merged in object()) {
        patch(format!("{object}\n{merged}").as_bytes());
    }

    #[test]
    fn any_bytes_are_judged(input in prop::collection::vec(any::<u8>(), 0..200)) {
        for judge in [selectors, continue_token, media_types, query, patch, identity] {
            judge(&input);
        }
    }

    #[test]
    fn any_query_is_judged(
        input in "((limit|continue|watch|resourceVersion|resourceVersionMatch|labelSelector|sendInitialEvents)=[a-z0-9=,!%]{0,8}&?){0,5}"
    ) {
        query(input.as_bytes());
    }
}
