//! The rows of the bad-input table that admission answers: all that is wrong, named at once.
use super::*;

/// A row: what is wrong, how it is written, and the fields that the refusal names.
type Row = (&'static str, fn(&mut Value), &'static [&'static str]);

const HTTP: &str = "http";

/// Refused by the rules, in `/mutate` already.
const RULES: &[Row] = &[
    ("interval of 59s", |s| s["interval"] = json!("59s"), &["spec.interval"]),
    ("interval that is no duration", |s| s["interval"] = json!("abc"), &["spec.interval"]),
    ("negative interval", |s| s["interval"] = json!("-1s"), &["spec.interval"]),
    ("interval that overflows", |s| s["interval"] = json!("1e99h"), &["spec.interval"]),
    ("timeout of 11m", |s| s["timeout"] = json!("11m"), &["spec.timeout"]),
    ("url without host", |s| http(s)["url"] = json!("https://"), &["spec.generator.http.url"]),
    (
        "url with user and password",
        |s| http(s)["url"] = json!("https://me:hunter2@x.dev/"),
        &["spec.generator.http.url"],
    ),
    ("url of a file", |s| http(s)["url"] = json!("file:///etc/passwd"), &["spec.generator.http.url"]),
    ("url that is too long", |s| http(s)["url"] = json!(long_url()), &["spec.generator.http.url"]),
    ("method with a space", |s| http(s)["method"] = json!("GE T"), &["spec.generator.http.method"]),
    (
        "name of a Secret elsewhere",
        |s| http(s)["headersSecretRef"] = json!({ "name": "other/token" }),
        &["spec.generator.http.headersSecretRef.name"],
    ),
    (
        "name and key that no Secret has",
        |s| http(s)["caBundleSecretRef"] = json!({ "name": "UPPER", "key": "a/b" }),
        &["spec.generator.http.caBundleSecretRef.name", "spec.generator.http.caBundleSecretRef.key"],
    ),
    (
        "name of a certificate that no Secret has",
        |s| http(s)["certSecretRef"] = json!({ "name": "" }),
        &["spec.generator.http.certSecretRef.name"],
    ),
    ("path that climbs", |s| s["destinationPath"] = json!("a/../../b"), &["spec.destinationPath"]),
    ("path with NUL", |s| s["destinationPath"] = json!("a\0b"), &["spec.destinationPath"]),
    ("path of 300 bytes", |s| s["destinationPath"] = json!("a".repeat(300)), &["spec.destinationPath"]),
    ("negative maxRetries", |s| s["maxRetries"] = json!(-1), &["spec.maxRetries"]),
    (
        "hooks",
        |s| s["hooks"] = json!({ "preRequest": [{ "name": "a", "command": "b" }] }),
        &["spec.hooks.preRequest"],
    ),
    (
        "no settings for the generator",
        |s| s["generator"] = json!({ "type": "http" }),
        &["spec.generator.http"],
    ),
    ("history of nothing", |s| s["history"] = json!({ "limit": 0 }), &["spec.history.limit"]),
    (
        "several at once",
        |s| {
            s["interval"] = json!("59s");
            s["maxRetries"] = json!(-1);
            http(s)["url"] = json!("ftp://x.dev/");
            http(s)["sha256"] = json!("abc");
        },
        &["spec.interval", "spec.maxRetries", "spec.generator.http.url", "spec.generator.http.sha256"],
    ),
];

/// Left to the schema, which names these; behind it they are refused too.
const SCHEMA: &[Row] = &[
    ("number for a text", |s| s["interval"] = json!(5), &["spec"]),
    ("text for a number", |s| s["maxRetries"] = json!("3"), &["spec"]),
    ("number beyond 64 bits", |s| s["maxRetries"] = json!(1e30), &["spec"]),
    ("missing generator", |s| drop(s.as_object_mut().expect("an object").remove("generator")), &["spec"]),
    ("unknown generator", |s| s["generator"]["type"] = json!("git"), &["spec"]),
    ("unknown way to unpack", |s| http(s)["unpack"] = json!("Sometimes"), &["spec"]),
    ("list for an object", |s| s["generator"] = json!([]), &["spec"]),
    ("list for the spec", |s| *s = json!(["10m"]), &["spec"]),
    ("no spec at all", |s| *s = Value::Null, &["spec"]),
];

fn http(spec: &mut Value) -> &mut Value {
    &mut spec["generator"][HTTP]
}

fn long_url() -> String {
    format!("https://example.dev/{}", "a".repeat(2048))
}

/// The fields that a refusal names; checks that everything else of it is as kubectl expects.
fn refused(response: &Value) -> Vec<&str> {
    assert_eq!(response["allowed"], false, "{response}");
    assert!(response.get("patch").is_none() && response.get("patchType").is_none());
    let status = &response["status"];
    assert_eq!((&status["code"], &status["reason"]), (&json!(422), &json!("Invalid")));
    let details = &status["details"];
    assert_eq!(
        (&details["group"], &details["kind"], &details["name"]),
        (&json!("source.flux.oddkin.co"), &json!("ExternalSource"), &json!("podinfo"))
    );
    let causes = details["causes"].as_array().expect("causes");
    for cause in causes {
        assert!(cause["reason"].as_str().expect("a reason").starts_with("FieldValue"), "{cause}");
        assert!(cause["message"].as_str().expect("a message").len() > 20, "understandable alone: {cause}");
    }
    causes.iter().map(|cause| cause["field"].as_str().expect("a field")).collect()
}

#[test]
fn every_rule_that_is_broken_is_named_by_both_webhooks() {
    for (what, change, fields) in RULES {
        let bad = with_spec(change);
        for step in [Step::Mutate, Step::Validate] {
            assert_eq!(refused(&created(step, &bad)), *fields, "{what}");
            assert_eq!(refused(&updated(step, &bad, &object())), *fields, "{what}, on update");
        }
    }
}

#[test]
fn what_does_not_decode_is_left_to_the_schema_and_refused_behind_it() {
    for (what, change, fields) in SCHEMA {
        let bad = with_spec(change);
        allowed_untouched(&created(Step::Mutate, &bad));
        assert_eq!(refused(&created(Step::Validate, &bad)), *fields, "{what}");
    }
}

#[test]
fn a_password_is_never_repeated() {
    let bad = with_spec(|spec| http(spec)["url"] = json!("https://me:hunter2@x.dev/"));
    assert!(!created(Step::Mutate, &bad).to_string().contains("hunter2"));
}

#[test]
fn the_message_reads_like_one_of_kube_apiserver() {
    let bad = with_spec(|spec| {
        spec["interval"] = json!("59s");
        spec["maxRetries"] = json!(-1);
    });
    let kind = "ExternalSource.source.flux.oddkin.co";
    let interval = r#"spec.interval: Invalid value: "59s": must be 1m or more"#;
    let retries = r#"spec.maxRetries: Invalid value: -1: must be 0 or more; 0 means the default, 3"#;
    assert_eq!(
        created(Step::Mutate, &bad)["status"]["message"],
        format!(r#"{kind} "podinfo" is invalid: [{interval}, {retries}]"#)
    );
    let bad = with_spec(|spec| spec["interval"] = json!("59s"));
    assert_eq!(
        created(Step::Mutate, &bad)["status"]["message"],
        format!(r#"{kind} "podinfo" is invalid: {interval}"#)
    );
}

#[test]
fn an_object_without_a_name_is_called_by_what_is_known_of_it() {
    let mut bad = with_spec(|spec| spec["interval"] = json!("59s"));
    bad["metadata"] = json!({ "generateName": "podinfo-", "namespace": "apps" });
    let mut review = review("CREATE", &bad, &Value::Null);
    review["request"]["name"] = json!("");
    assert_eq!(answer(Step::Mutate, &review)["status"]["details"]["name"], "podinfo-");
}
