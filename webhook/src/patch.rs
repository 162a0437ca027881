//! JSON patches against an object as it was received. Pure.
use json_patch::{
    AddOperation, PatchOperation, RemoveOperation,
    jsonptr::{PointerBuf, Token},
};
use serde::Serialize;
use serde_json::{Value, json};

type Fields = serde_json::Map<String, Value>;

/// What turns the received spec into `after`. The received one may hold null or lack what the typed one has by default,
/// so only what differs between the typed ones is touched.
pub(crate) fn spec<S: Serialize>(received: &str, before: &S, after: &S) -> Vec<PatchOperation> {
    let read = |spec| serde_json::to_value(spec).unwrap_or_default();
    let received = serde_json::from_str(received).unwrap_or_default();
    let mut changes = Vec::new();
    walk(PointerBuf::from_tokens(["spec"]), &received, (&read(before), &read(after)), &mut changes);
    changes
}

/// What adds `finalizer` to the received ones; nothing when it is there.
pub(crate) fn finalizer(received: Option<&[String]>, finalizer: &str) -> Option<PatchOperation> {
    match received {
        None => Some(add(PointerBuf::from_tokens(["metadata", "finalizers"]), json!([finalizer]))),
        Some(present) if present.iter().any(|name| name == finalizer) => None,
        Some(_) => Some(add(PointerBuf::from_tokens(["metadata", "finalizers", "-"]), json!(finalizer))),
    }
}

fn walk(
    at: PointerBuf,
    received: &Value,
    (before, after): (&Value, &Value),
    changes: &mut Vec<PatchOperation>,
) {
    match (received, before, after) {
        (Value::Object(received), Value::Object(before), Value::Object(after)) => {
            walk_fields(&at, received, (before, after), changes);
        }
        // serde takes a list for a struct. Left alone, the schema refuses it.
        (Value::Array(_), Value::Object(_), _) => {}
        // Also replaces what is there: RFC 6902 lets `add` do that.
        _ => changes.push(add(at, after.clone())),
    }
}

fn walk_fields(
    at: &PointerBuf,
    received: &Fields,
    (before, after): (&Fields, &Fields),
    changes: &mut Vec<PatchOperation>,
) {
    for (key, new) in after {
        match (before.get(key), received.get(key)) {
            (Some(old), _) if old == new => {}
            (Some(old), Some(received)) => walk(below(at, key), received, (old, new), changes),
            _ => changes.push(add(below(at, key), new.clone())),
        }
    }
    for key in before.keys().filter(|key| !after.contains_key(*key) && received.contains_key(*key)) {
        changes.push(PatchOperation::Remove(RemoveOperation { path: below(at, key) }));
    }
}

fn add(path: PointerBuf, value: Value) -> PatchOperation {
    PatchOperation::Add(AddOperation { path, value })
}

fn below(at: &PointerBuf, key: &str) -> PointerBuf {
    let mut path = at.clone();
    path.push_back(Token::new(key));
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use json_patch::Patch;

    /// Applies what `spec` finds to the object that holds `received`.
    fn patched(received: &Value, before: &Value, after: &Value) -> Value {
        let mut object = json!({ "spec": received });
        let patch = Patch(spec(&received.to_string(), before, after));
        json_patch::patch(&mut object, &patch).expect("fits what was received");
        object["spec"].take()
    }

    #[test]
    fn a_default_that_was_not_sent_is_added_and_a_sent_one_replaced() {
        let (before, after) = (json!({ "a": 0 }), json!({ "a": 3 }));
        assert_eq!(patched(&json!({}), &before, &after), json!({ "a": 3 }));
        assert_eq!(patched(&json!({ "a": 0 }), &before, &after), json!({ "a": 3 }));
        assert_eq!(patched(&json!({ "a": null }), &before, &after), json!({ "a": 3 }));
    }

    #[test]
    fn what_does_not_change_is_left_as_it_was_sent() {
        let (before, after) = (json!({ "a": { "b": 0, "c": 1 } }), json!({ "a": { "b": 3, "c": 1 } }));
        let received = json!({ "a": { "b": 0, "unknown": null }, "other": null });
        let expected = json!({ "a": { "b": 3, "unknown": null }, "other": null });
        assert_eq!(patched(&received, &before, &after), expected);
    }

    #[test]
    fn a_parent_that_was_not_sent_is_added_whole() {
        let (before, after) = (json!({ "a": { "b": 0, "c": 1 } }), json!({ "a": { "b": 3, "c": 1 } }));
        assert_eq!(patched(&json!({ "a": null }), &before, &after), after);
        assert_eq!(patched(&json!({}), &before, &after), after);
    }

    #[test]
    fn a_field_is_removed_only_if_it_was_sent() {
        let (before, after) = (json!({ "a": 1, "b": 2 }), json!({ "b": 2 }));
        assert_eq!(patched(&json!({ "a": 1 }), &before, &after), json!({}));
        assert_eq!(patched(&json!({ "b": 2 }), &before, &after), json!({ "b": 2 }));
    }

    #[test]
    fn a_list_that_serde_took_for_an_object_is_left_to_the_schema() {
        let (before, after) = (json!({ "a": { "b": 0 } }), json!({ "a": { "b": 3 } }));
        assert_eq!(patched(&json!({ "a": [0] }), &before, &after), json!({ "a": [0] }));
    }

    #[test]
    fn a_slash_in_a_key_does_not_lead_astray() {
        let (before, after) = (json!({ "a/b": { "~": 0 } }), json!({ "a/b": { "~": 1 } }));
        assert_eq!(patched(&before, &before, &after), after);
    }

    #[test]
    fn a_finalizer_is_added_once_beside_those_of_others() {
        let others = ["other.dev/x".to_owned()];
        let mut object = json!({ "metadata": { "finalizers": others } });
        let patch = Patch(vec![finalizer(Some(&others), "ours.dev/y").expect("missing")]);
        json_patch::patch(&mut object, &patch).expect("fits");
        assert_eq!(object["metadata"]["finalizers"], json!(["other.dev/x", "ours.dev/y"]));
        assert_eq!(finalizer(Some(&others), "other.dev/x"), None);
    }
}
