//! What kube-apiserver, with our webhook, lets in.
use crate::sources::manifest;
use anyhow::Result;
use cluster::suite::{Suite, skip};
use crds::{ExternalSource, external_source::GeneratorType};
use kube::{
    Api,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

const URL: &str = "https://source.example/data";

/// What kubectl says of a manifest that is refused.
async fn refusal(suite: &Suite, manifest: &str) -> Result<String> {
    let namespace = suite.namespace("admit").await?;
    let error = namespace.apply(manifest).await.expect_err("this manifest is invalid");
    Ok(format!("{error:#}"))
}

fn source(spec: &Value) -> Value {
    json!({
        "apiVersion": "source.flux.oddkin.co/v1alpha1",
        "kind": "ExternalSource",
        "metadata": { "name": "one" },
        "spec": spec,
    })
}

fn with(change: impl FnOnce(&mut Value)) -> String {
    let mut spec = json!({ "interval": "10m", "generator": { "type": "http", "http": { "url": URL } } });
    change(&mut spec);
    source(&spec).to_string()
}

#[tokio::test]
async fn every_broken_rule_is_named_in_one_answer() -> Result<()> {
    let suite = Suite::attach().await?;
    let all_wrong = with(|spec| {
        spec["interval"] = json!("59s");
        spec["schedule"] =
            json!([{ "cron": "0 8 * *" }, { "cron": "@daily", "timeZone": "Berlin", "window": "1s" }]);
        spec["timeout"] = json!("1h");
        spec["destinationPath"] = json!("../../etc/passwd");
        spec["maxRetries"] = json!(-1);
        spec["hooks"] = json!({ "preRequest": [{ "name": "a", "command": "rm" }] });
        spec["generator"]["http"] = json!({
            "url": "file:///etc/passwd",
            "method": "G E T",
            "body": "a",
            "bodySecretRef": { "name": "B", "key": "a/b" },
            "headersSecretRef": { "name": "other/token" },
            "caBundleSecretRef": { "name": "UPPER", "key": "a/b" },
            "certSecretRef": { "name": "-" },
            "proxySecretRef": { "name": "A" },
            "expectedJSON": [{ "pointer": "status" }],
        });
        spec["history"] = json!({ "limit": 0 });
        spec["pin"] = json!("latest");
    });
    let said = refusal(&suite, &all_wrong).await?;
    for field in [
        "spec.interval",
        "spec.schedule[0].cron",
        "spec.schedule[1].timeZone",
        "spec.schedule[1].window",
        "spec.timeout",
        "spec.destinationPath",
        "spec.maxRetries",
        "spec.hooks.preRequest[0]",
        "spec.generator.http.url",
        "spec.generator.http.method",
        "spec.generator.http.bodySecretRef",
        "spec.generator.http.bodySecretRef.name",
        "spec.generator.http.bodySecretRef.key",
        "spec.generator.http.headersSecretRef.name",
        "spec.generator.http.caBundleSecretRef.name",
        "spec.generator.http.caBundleSecretRef.key",
        "spec.generator.http.certSecretRef.name",
        "spec.generator.http.proxySecretRef.name",
        "spec.generator.http.expectedJSON[0].pointer",
        "spec.generator.http.expectedJSON[0].equals",
        "spec.history.limit",
        "spec.pin",
    ] {
        assert!(said.contains(&format!("* {field}: ")), "{field} is not named in:\n{said}");
    }
    Ok(())
}

#[tokio::test]
async fn each_row_of_the_table_is_refused_by_its_field() -> Result<()> {
    let suite = Suite::attach().await?;
    let http = |key: &'static str, value: Value| with(|spec| spec["generator"]["http"][key] = value);
    let spec = |key: &'static str, value: Value| with(|spec| spec[key] = value);
    for (field, manifest) in [
        ("spec.interval", spec("interval", json!("59s"))),
        ("spec.interval", spec("interval", json!("abc"))),
        ("spec.interval", spec("interval", json!("-1s"))),
        ("spec.schedule[0].cron", spec("schedule", json!([{ "cron": "0 24 * * *" }]))),
        ("spec.schedule[0].timeZone", spec("schedule", json!([{ "cron": "@daily", "timeZone": "CETI" }]))),
        ("spec.schedule[0].window", spec("schedule", json!([{ "cron": "@daily", "window": "-1h" }]))),
        ("spec.schedule", spec("schedule", json!(vec![json!({ "cron": "@daily" }); 17]))),
        ("spec.generator.http.url", http("url", json!("https://"))),
        ("spec.generator.http.url", http("url", json!("http:///path"))),
        ("spec.generator.http.url", http("url", json!("https://me:hunter2@source.example/"))),
        ("spec.generator.http.url", http("url", json!("file:///etc/passwd"))),
        ("spec.generator.http.url", http("url", json!(format!("https://x/{}", "a".repeat(2048))))),
        ("spec.generator.http.method", http("method", json!("GET /"))),
        ("spec.generator.http.headersSecretRef.name", http("headersSecretRef", json!({ "name": "a b" }))),
        ("spec.destinationPath", spec("destinationPath", json!("a/../b"))),
        ("spec.destinationPath", spec("destinationPath", json!("a\u{0}b"))),
        ("spec.destinationPath", spec("destinationPath", json!("a".repeat(300)))),
        ("spec.maxRetries", spec("maxRetries", json!(-1))),
    ] {
        let said = refusal(&suite, &manifest).await?;
        assert!(said.contains(&format!("{field}: ")), "{field} is not named in:\n{said}");
        assert!(!said.contains("hunter2"), "a password is repeated:\n{said}");
    }
    Ok(())
}

#[tokio::test]
async fn structural_errors_are_named_by_the_schema() -> Result<()> {
    let suite = Suite::attach().await?;
    let several = with(|spec| {
        spec["generator"]["type"] = json!("ftp");
        spec["suspend"] = json!("yes");
        spec["generator"]["http"]["unpack"] = json!("Sometimes");
        spec.as_object_mut().expect("an object").remove("interval");
    });
    let said = refusal(&suite, &several).await?;
    for part in
        ["spec.interval: Required", "spec.generator.type: Unsupported", "spec.suspend: Invalid", "unpack"]
    {
        assert!(said.contains(part), "{part} is not said in:\n{said}");
    }
    let unknown = refusal(&suite, &with(|spec| spec["intervall"] = json!("10m"))).await?;
    assert!(unknown.contains("unknown field \"spec.intervall\""), "{unknown}");
    Ok(())
}

#[tokio::test]
async fn defaults_are_filled_in_and_warnings_are_shown() -> Result<()> {
    let suite = Suite::attach().await?;
    let namespace = suite.namespace("admit").await?;
    let sources: Api<ExternalSource> = Api::namespaced(suite.client().clone(), namespace.name());
    let unwise = with(|spec| {
        spec["maxRetries"] = json!(0);
        spec["destinationPath"] = json!("/conf/app.yaml");
        spec["schedule"] = json!([{ "cron": "0 8 * * 1-5" }]);
        spec["suspend"] = json!(true);
        spec["generator"]["http"]["insecureSkipVerify"] = json!(true);
    });
    let arguments = ["--namespace", namespace.name(), "apply", "--filename", "-"];
    let output = suite.kubectl().output(&arguments, &unwise).await?;
    let warned = String::from_utf8(output.stderr)?;
    assert!(output.status.success(), "{warned}");
    assert_eq!(warned.matches("Warning: spec.destinationPath").count(), 1, "{warned}");
    assert_eq!(warned.matches("Warning: spec.generator.http.insecureSkipVerify").count(), 1, "{warned}");
    let stored = sources.get("one").await?;
    assert_eq!(stored.spec.max_retries, 3);
    assert_eq!(stored.spec.destination_path.as_deref(), Some("conf/app.yaml"));
    assert_eq!(stored.spec.timeout, "30s");
    let schedule = &stored.spec.schedule[0];
    assert_eq!((&*schedule.time_zone, &*schedule.window), ("UTC", "0s"));
    assert_eq!(stored.spec.generator.http.expect("http").method, "GET");
    Ok(())
}

#[tokio::test]
async fn an_update_is_judged_like_a_creation_unless_the_spec_stays() -> Result<()> {
    let suite = Suite::attach().await?;
    let namespace = suite.namespace("admit").await?;
    let sources: Api<ExternalSource> = Api::namespaced(suite.client().clone(), namespace.name());
    namespace.apply(&with(|spec| spec["suspend"] = json!(true))).await?;
    let patch = |patch: Value| {
        let sources = sources.clone();
        async move { sources.patch("one", &PatchParams::default(), &Patch::Merge(patch)).await }
    };
    let error = patch(json!({ "spec": { "interval": "1s" } })).await.expect_err("too short");
    assert!(error.to_string().contains("spec.interval"), "{error}");
    patch(json!({ "metadata": { "labels": { "team": "a" } } })).await?;
    Ok(())
}

#[tokio::test]
async fn a_refusal_is_a_status_that_programs_can_read() -> Result<()> {
    let suite = Suite::attach().await?;
    let namespace = suite.namespace("admit").await?;
    let sources: Api<ExternalSource> = Api::namespaced(suite.client().clone(), namespace.name());
    let bad: ExternalSource = serde_json::from_str(&with(|spec| spec["interval"] = json!("59s")))?;
    let kube::Error::Api(status) = sources.create(&PostParams::default(), &bad).await.expect_err("too short")
    else {
        panic!("not an answer of the API");
    };
    assert_eq!((status.code, status.reason.as_str()), (422, "Invalid"));
    let details = status.details.as_ref().expect("details");
    assert_eq!(
        (details.group.as_str(), details.kind.as_str(), details.name.as_str()),
        ("source.flux.oddkin.co", "ExternalSource", "one")
    );
    let cause = &details.causes[0];
    assert_eq!((cause.field.as_str(), cause.reason.as_str()), ("spec.interval", "FieldValueInvalid"));
    assert!(cause.message.contains("59s") && cause.message.contains("1m or more"), "{}", cause.message);
    Ok(())
}

/// Every field of the original but hooks, which not every installation enables.
const ORIGINAL: &str = "apiVersion: source.flux.oddkin.co/v1alpha1
kind: ExternalSource
metadata: { name: original }
spec:
  interval: 5m
  suspend: true
  destinationPath: config/data.json
  maxRetries: 5
  generator:
    type: http
    http:
      url: https://api.example.com/v1/config
      method: POST
      headersSecretRef: { name: api-headers }
      caBundleSecretRef: { name: ca-bundle, key: ca.crt }
      insecureSkipVerify: false
";

#[tokio::test]
async fn manifests_of_the_original_apply_unchanged() -> Result<()> {
    let suite = Suite::attach().await?;
    let namespace = suite.namespace("admit").await?;
    namespace.apply(ORIGINAL).await?;
    namespace.apply(&manifest("minimal", URL, "")).await?;
    let stored = async |name| {
        let text = namespace.kubectl(&["get", "externalsource", name, "--output=json"]).await?;
        anyhow::Ok(serde_json::from_str::<Value>(&text)?["spec"].clone())
    };
    let mut applied = serde_saphyr::from_str::<Value>(ORIGINAL)?["spec"].clone();
    applied["timeout"] = json!("30s");
    assert_eq!(stored("original").await?, applied, "nothing but our own default is added");
    let minimal = json!({
        "interval": "10m",
        "maxRetries": 3,
        "timeout": "30s",
        "generator": { "type": "http", "http": { "url": URL, "method": "GET" } },
    });
    assert_eq!(stored("minimal").await?, minimal);
    let shown = namespace.kubectl(&["get", "externalsource", "original"]).await?;
    assert_eq!(
        shown.lines().next().map(|line| line.split_whitespace().collect::<Vec<_>>()),
        Some(vec!["NAME", "READY", "STATUS", "REVISION", "AGE"])
    );
    Ok(())
}

#[tokio::test]
async fn hooks_of_the_original_are_admitted_as_the_whitelist_says() -> Result<()> {
    let suite = Suite::attach().await?;
    if suite.own().is_none() {
        return skip("this installation may have no hooks");
    }
    let with_hooks = |command: &str, argument: &str| {
        let hook = format!(
            "{{ name: a, command: {command}, args: ['{argument}'], timeout: 10s, retryPolicy: ignore, env: [{{ name: A, value: b }}] }}"
        );
        format!("{ORIGINAL}  hooks: {{ preRequest: [{hook}], postRequest: [{hook}] }}\n")
    };
    let namespace = suite.namespace("admit").await?;
    namespace.apply(&with_hooks("jq", ".")).await?;
    for (command, argument, why) in [
        ("yq", ".", "not on the whitelist"),
        ("/usr/bin/jq", ".", "not on the whitelist"),
        ("jq", "-n", "argument 0 matches no pattern"),
        ("cat", "-", "argument 0 is an option"),
    ] {
        let said = refusal(&suite, &with_hooks(command, argument)).await?;
        let refused: Vec<&str> = said.lines().filter(|line| line.starts_with("* ")).collect();
        assert_eq!(refused.len(), 2, "{said}");
        for (line, list) in refused.iter().zip(["preRequest", "postRequest"]) {
            assert!(line.starts_with(&format!("* spec.hooks.{list}[0]: ")) && line.contains(why), "{said}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn every_broken_rule_of_a_place_in_s3_is_named_in_one_answer() -> Result<()> {
    let suite = Suite::attach().await?;
    let all_wrong = with(|spec| {
        spec["hooks"] = json!({ "preRequest": [{ "name": "a", "command": "cat", "args": ["a"] }] });
        spec["generator"] = json!({ "type": "s3", "http": { "url": URL }, "s3": {
            "bucket": "No Bucket",
            "object": "a/../b",
            "region": "EU",
            "endpoint": "https://key:hunter2@minio.example",
            "credentialsSecretRef": { "name": "other/keys" },
            "caBundleSecretRef": { "name": "-", "key": "a/b" },
        }});
    });
    let said = refusal(&suite, &all_wrong).await?;
    for field in [
        "spec.hooks.preRequest",
        "spec.generator.http",
        "spec.generator.s3.bucket",
        "spec.generator.s3.object",
        "spec.generator.s3.region",
        "spec.generator.s3.endpoint",
        "spec.generator.s3.credentialsSecretRef.name",
        "spec.generator.s3.caBundleSecretRef.name",
        "spec.generator.s3.caBundleSecretRef.key",
    ] {
        assert!(said.contains(&format!("* {field}: ")), "{field} is missing in: {said}");
    }
    assert!(!said.contains("hunter2"), "{said}");
    let other = with(|spec| spec["generator"] = json!({ "type": "ftp", "http": { "url": URL } }));
    let said = refusal(&suite, &other).await?;
    assert!(said.contains("spec.generator.type"), "{said}");
    for kind in GeneratorType::ALL {
        assert!(said.contains(&format!("{:?}", kind.name())), "{} is missing in: {said}", kind.name());
    }
    Ok(())
}

#[tokio::test]
async fn explain_describes_every_field_and_the_kind() -> Result<()> {
    let suite = Suite::attach().await?;
    let kind = suite.kubectl().run(&["explain", "externalsource"]).await?;
    assert!(kind.contains("fetches data from an HTTP API"), "{kind}");
    let field =
        suite.kubectl().run(&["explain", "externalsource.spec.generator.http.expectedStatus"]).await?;
    assert!(field.contains("any 2xx does"), "{field}");
    let s3 = ["explain", "externalsource.spec.generator.s3", "--recursive"];
    let fields = suite.kubectl().run(&s3).await?;
    for field in ["bucket", "prefix", "endpoint", "credentialsSecretRef"] {
        assert!(fields.contains(field), "{fields}");
    }
    Ok(())
}
