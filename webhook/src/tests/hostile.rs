//! Whatever is sent, there is an answer or a refusal, and never a panic.
use super::*;
use proptest::{collection, prelude::*};

/// Any JSON, with the names that matter often enough to get past the first checks.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        "[0-9]{1,3}(s|m|h)|https?://[a-z@:/.]{0,20}|(/|\\.\\.|a){0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        prop_oneof![
            collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            collection::btree_map(key(), inner, 0..8).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => prop::sample::select(vec![
            "metadata", "spec", "interval", "generator", "type", "http", "url", "method", "maxRetries",
            "destinationPath", "headersSecretRef", "name", "key", "hooks", "history", "limit", "finalizers",
            "deletionTimestamp", "apiVersion", "kind", "request", "uid", "operation", "object", "oldObject",
        ]).prop_map(str::to_owned),
        1 => ".{0,8}",
    ]
}

/// A valid object of which one place anywhere holds something else.
fn mutilated() -> impl Strategy<Value = Value> {
    let places = vec![
        "/metadata",
        "/metadata/finalizers",
        "/metadata/name",
        "/spec",
        "/spec/interval",
        "/spec/maxRetries",
        "/spec/destinationPath",
        "/spec/generator",
        "/spec/generator/type",
        "/spec/generator/http",
        "/spec/generator/http/url",
    ];
    (prop::sample::select(places), json()).prop_map(|(place, value)| {
        let mut object = with_spec(|spec| spec["destinationPath"] = json!("a"));
        object["metadata"]["finalizers"] = json!([]);
        *object.pointer_mut(place).expect("it is there") = value;
        object
    })
}

fn is_well_formed(answer: &[u8], uid: &Value) {
    let answer: Value = serde_json::from_slice(answer).expect("JSON");
    let response = &answer["response"];
    assert_eq!(&response["uid"], uid);
    let allowed = response["allowed"].as_bool().expect("a verdict");
    assert_eq!(response.get("patch").is_some(), response.get("patchType").is_some());
    assert_eq!(allowed, response["status"].is_null());
}

proptest! {
    #[test]
    fn any_json_gets_an_answer_or_a_sentence(json in json()) {
        let webhook = Webhook::new(&mut Registry::default(), Policies::default());
        for step in [Step::Mutate, Step::Validate] {
            if let Ok(answer) = answered(&webhook, step, json.to_string().as_bytes()) {
                is_well_formed(&answer, &json["request"]["uid"]);
            }
        }
    }

    #[test]
    fn any_object_in_a_review_gets_a_verdict_and_a_patch_that_applies(object in mutilated(), old in json()) {
        for step in [Step::Mutate, Step::Validate] {
            for response in [created(step, &object), updated(step, &object, &old)] {
                if response.get("patch").is_some() {
                    patched(&object, &response);
                }
            }
        }
    }

    #[test]
    fn any_bytes_get_a_sentence(bytes in collection::vec(any::<u8>(), 0..200)) {
        let webhook = Webhook::new(&mut Registry::default(), Policies::default());
        prop_assert!(answered(&webhook, Step::Mutate, &bytes).is_err());
    }
}

#[test]
fn nesting_without_end_is_refused_without_a_stack_overflow() {
    let webhook = Webhook::new(&mut Registry::default(), Policies::default());
    let deep = "[".repeat(3 << 20);
    answered(&webhook, Step::Mutate, deep.as_bytes()).expect_err("no review");
    let closed = format!("{}{}", "[".repeat(1 << 20), "]".repeat(1 << 20));
    let text = review("CREATE", &json!("OBJECT"), &Value::Null).to_string();
    for place in [r#"{"spec":OBJECT}"#, r#"{"spec":{"interval":OBJECT}}"#, "OBJECT"] {
        let object = place.replace("OBJECT", &closed);
        let answer = answered(&webhook, Step::Mutate, text.replace(r#""OBJECT""#, &object).as_bytes())
            .expect("a review");
        is_well_formed(&answer, &json!("705ab4f5"));
    }
}
