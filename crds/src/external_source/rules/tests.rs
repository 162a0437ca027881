//! Each row of the bad-input table that admission answers.
mod any_input;

use super::*;
use crate::{
    allowed_hosts::AllowedHosts,
    external_source::{
        ExpectedValue, Generator, GeneratorType, Hook, Hooks, HttpGenerator, S3Generator, SecretReference,
        ServiceAccountTokenReference,
    },
    installation::check_here,
    rules::check,
    schedule::Schedule,
};
use serde_json::json;

fn spec() -> ExternalSourceSpec {
    let http = HttpGenerator {
        url: "https://example.dev/data".into(),
        method: "GET".into(),
        ..HttpGenerator::default()
    };
    ExternalSourceSpec {
        interval: "10m".into(),
        max_retries: 3,
        timeout: "30s".into(),
        generator: Generator { http: Some(http), ..Generator::default() },
        ..ExternalSourceSpec::default()
    }
}

fn with_http(change: impl FnOnce(&mut HttpGenerator)) -> ExternalSourceSpec {
    let mut spec = spec();
    change(spec.generator.http.as_mut().expect("spec() has one"));
    spec
}

/// The paths of everything that is wrong.
fn wrong(spec: &ExternalSourceSpec) -> Vec<String> {
    spec.violations().into_iter().map(|error| error.path).collect()
}

#[test]
fn a_plain_source_is_good_and_draws_no_warning() {
    check(&spec()).expect("valid");
    assert_eq!(spec().warnings(), Vec::<String>::new());
}

#[test]
fn the_interval_must_be_a_duration_of_a_minute_or_more() {
    for bad in ["59s", "abc", "-1s", "", "1", "1e99h", "99999999999999999999h"] {
        assert_eq!(
            wrong(&ExternalSourceSpec { interval: bad.into(), ..spec() }),
            ["spec.interval"],
            "{bad:?}"
        );
    }
    for good in ["1m", "60s", "60000ms", "0.5h"] {
        assert_eq!(wrong(&ExternalSourceSpec { interval: good.into(), ..spec() }), [""; 0], "{good:?}");
    }
}

#[test]
fn the_timeout_must_be_from_one_second_to_ten_minutes() {
    for bad in ["999ms", "10m1s", "x"] {
        assert_eq!(wrong(&ExternalSourceSpec { timeout: bad.into(), ..spec() }), ["spec.timeout"], "{bad:?}");
    }
    let error = &ExternalSourceSpec { timeout: "1h".into(), ..spec() }.violations()[0];
    assert_eq!(error.detail, r#"Invalid value: "1h": must be from 1s to 10m"#);
}

#[test]
fn the_url_must_be_an_http_address_without_credentials() {
    let long = format!("https://example.dev/{}", "a".repeat(2048));
    for bad in
        ["", "example.dev", "https://", "http:///x", "file:///etc/passwd", "ftp://x/", "https://a b/", &long]
    {
        assert_eq!(wrong(&with_http(|http| http.url = bad.into())), ["spec.generator.http.url"], "{bad:?}");
    }
}

#[test]
fn a_password_in_the_url_is_refused_and_not_repeated() {
    let errors = with_http(|http| http.url = "https://me:hunter2@example.dev/".into()).violations();
    assert_eq!(errors[0].path, "spec.generator.http.url");
    assert!(!errors[0].to_string().contains("hunter2"), "{}", errors[0]);
}

#[test]
fn a_malformed_url_with_a_password_does_not_repeat_it_either() {
    let errors = with_http(|http| http.url = "https://me:hunter2@".into()).violations();
    assert_eq!(errors[0].path, "spec.generator.http.url");
    assert!(!errors[0].to_string().contains("hunter2"), "{}", errors[0]);
}

#[test]
fn a_password_is_not_repeated_whatever_else_is_wrong_with_the_url() {
    for bad in
        ["ftp://me:hunter2@example.dev/", "me:hunter2@example.dev/", "https:///me:hunter2@example.dev/"]
    {
        let errors = with_http(|http| http.url = bad.into()).violations();
        assert!(errors[0].detail.contains("…@example.dev/…\": "), "{}", errors[0]);
        assert!(!errors[0].detail.contains("hunter2"), "{}", errors[0]);
    }
}

#[test]
fn spaces_within_a_url_are_for_the_client_to_encode() {
    assert_eq!(wrong(&with_http(|http| http.url = "https://example.dev/a b?c=d e".into())), [""; 0]);
    for bad in [" https://example.dev/", "https://example.dev/ ", "https://example.dev/\ta"] {
        assert_eq!(wrong(&with_http(|http| http.url = bad.into())), ["spec.generator.http.url"], "{bad:?}");
    }
}

#[test]
fn an_empty_method_is_none() {
    let read: HttpGenerator =
        serde_json::from_value(json!({ "url": "https://example.dev/", "method": "" })).unwrap();
    assert_eq!(read.method, "GET");
}

#[test]
fn the_method_must_be_a_token() {
    for bad in ["", "GET ", "PO ST", "GET\r\n"] {
        assert_eq!(
            wrong(&with_http(|http| http.method = bad.into())),
            ["spec.generator.http.method"],
            "{bad:?}"
        );
    }
}

#[test]
fn references_must_name_what_a_secret_can_be_called() {
    let bad = with_http(|http| {
        http.body_secret_ref = Some(SecretKeyReference { name: "a b".into(), key: String::new() });
        http.headers_secret_ref = Some(SecretReference { name: "other/secret".into() });
        http.ca_bundle_secret_ref = Some(SecretKeyReference { name: "UPPER".into(), key: "a/b".into() });
        http.cert_secret_ref = Some(SecretReference { name: "-".into() });
        http.proxy_secret_ref = Some(SecretReference { name: "A".into() });
    });
    let expected = [
        "bodySecretRef.name",
        "bodySecretRef.key",
        "headersSecretRef.name",
        "caBundleSecretRef.name",
        "caBundleSecretRef.key",
        "certSecretRef.name",
        "proxySecretRef.name",
    ]
    .map(|path| format!("spec.generator.http.{path}"));
    assert_eq!(wrong(&bad), expected);
}

#[test]
fn a_body_is_of_the_spec_or_of_a_secret() {
    let of_secret = || SecretKeyReference { name: "login".into(), key: "body".into() };
    assert_eq!(wrong(&with_http(|http| http.body_secret_ref = Some(of_secret()))), [""; 0]);
    let both = with_http(|http| {
        http.body = Some(String::new());
        http.body_secret_ref = Some(of_secret());
    });
    assert_eq!(wrong(&both), ["spec.generator.http.bodySecretRef"]);
    assert_eq!(both.violations()[0].detail, "Forbidden: may not be set together with body");
}

#[test]
fn a_token_is_for_somebody_and_of_an_account() {
    let long = "a".repeat(1025);
    for (name, audience, field) in [
        ("default", "", "audience"),
        ("default", "a b", "audience"),
        ("default", &*long, "audience"),
        ("A/b", "https://config.example.com", "name"),
    ] {
        let reference = ServiceAccountTokenReference { name: name.into(), audience: audience.into() };
        let bad = with_http(|http| http.service_account_token_ref = Some(reference));
        assert_eq!(wrong(&bad), [format!("spec.generator.http.serviceAccountTokenRef.{field}")]);
    }
    let read: ServiceAccountTokenReference = serde_json::from_value(json!({ "audience": "a" })).unwrap();
    assert_eq!(read.name, "default");
}

#[test]
fn the_destination_path_stays_inside() {
    for bad in ["..", "a/../b", "../x", "a../b", "a../", "a\0b", "a\\b", "a\nb", &"a".repeat(300)] {
        let spec = ExternalSourceSpec { destination_path: Some(bad.into()), ..spec() };
        assert_eq!(wrong(&spec), ["spec.destinationPath"], "{bad:?}");
    }
    for good in ["", "/", ".", "/etc/a", "a/b.yaml", "a..b", "conf/"] {
        let spec = ExternalSourceSpec { destination_path: Some(good.into()), ..spec() };
        assert_eq!(wrong(&spec), [""; 0], "{good:?}");
    }
}

#[test]
fn a_window_is_measured_by_the_timeout() {
    let scheduled = |timeout: &str| ExternalSourceSpec {
        schedule: vec![Schedule { cron: "@hourly".into(), time_zone: "UTC".into(), window: "10m".into() }],
        timeout: timeout.into(),
        ..spec()
    };
    assert_eq!(wrong(&scheduled("5m")), [""; 0]);
    assert_eq!(wrong(&scheduled("301s")), ["spec.schedule[0].window"]);
    assert_eq!(wrong(&scheduled("forever")), ["spec.timeout"]);
}

#[test]
fn everything_that_is_wrong_is_named_at_once() {
    let mut bad = with_http(|http| {
        http.url = "file:///x".into();
        http.method = "GE T".into();
        http.expected_status = Some(vec![200, 99]);
        http.expected_content_type = Some(vec!["json".into()]);
        http.sha256 = Some("abc".into());
    });
    bad.interval = "59s".into();
    bad.timeout = "0s".into();
    bad.max_retries = -1;
    bad.history = Some(History { limit: 0, max_age: Some("-1h".into()) });
    bad.pin = Some("latest@sha256:0a".into());
    assert_eq!(bad.violations()[1].detail, "Invalid value: -1: must be 0 or more; 0 means the default, 3");
    let expected = [
        "spec.interval",
        "spec.maxRetries",
        "spec.timeout",
        "spec.generator.http.url",
        "spec.generator.http.method",
        "spec.generator.http.expectedStatus[1]",
        "spec.generator.http.expectedContentType[0]",
        "spec.generator.http.sha256",
        "spec.history.limit",
        "spec.history.maxAge",
        "spec.pin",
    ];
    assert_eq!(wrong(&bad), expected);
}

#[test]
fn a_generator_without_its_settings_is_named() {
    let mut bad = spec();
    bad.generator.http = None;
    assert_eq!(wrong(&bad), ["spec.generator.http"]);
}

#[test]
fn expected_values_lie_at_pointers_and_are_scalars() {
    let value = |pointer: &str, equals, exists| ExpectedValue { pointer: pointer.into(), equals, exists };
    let wrong_of = |value| wrong(&with_http(|http| http.expected_json = vec![value]));
    for good in ["", "/", "/a/0/b", "/a~0b/c~1d"] {
        assert_eq!(wrong_of(value(good, Some(json!("ok")), None)), [""; 0], "{good:?}");
    }
    let field = |name: &str| vec![format!("spec.generator.http.expectedJSON[0].{name}")];
    for bad in ["a", "a/b", "/a~2", "/~", &"/a".repeat(600)] {
        assert_eq!(wrong_of(value(bad, None, Some(true))), field("pointer"), "{bad:?}");
    }
    for bad in [json!([1]), json!({ "a": 1 }), json!("a".repeat(1025))] {
        assert_eq!(wrong_of(value("/a", Some(bad), None)), field("equals"));
    }
    assert_eq!(wrong_of(value("/a", None, None)), field("equals"));
    assert_eq!(wrong_of(value("/a", Some(json!(1)), Some(true))), field("exists"));
    let many = with_http(|http| http.expected_json = vec![value("/a", Some(json!(1)), None); 17]);
    assert_eq!(wrong(&many), ["spec.generator.http.expectedJSON"]);
}

#[test]
fn hooks_of_a_request_need_a_generator_that_makes_one() {
    let hook = Hook { name: "a".into(), command: "jq".into(), timeout: "30s".into(), ..Hook::default() };
    let s3 = S3Generator { bucket: "configs".into(), prefix: Some(String::new()), ..S3Generator::default() };
    let generator = Generator { type_: GeneratorType::S3, s3: Some(s3), ..Generator::default() };
    let (pre, post) = (vec![hook.clone()], vec![hook]);
    let hooks = |pre_request| Some(Hooks { pre_request, post_request: post.clone() });
    let source = ExternalSourceSpec { generator, hooks: hooks(pre), ..spec() };
    assert_eq!(wrong(&source), ["spec.hooks.preRequest"]);
    assert_eq!(wrong(&ExternalSourceSpec { hooks: hooks(Vec::new()), ..source }), [""; 0]);
}

#[test]
fn unwise_things_are_allowed_with_a_warning() {
    let mut unwise = with_http(|http| {
        http.url = "http://example.dev/".into();
        http.headers_secret_ref = Some(SecretReference { name: "token".into() });
        http.body_secret_ref = Some(SecretKeyReference { name: "login".into(), key: "body".into() });
        http.cert_secret_ref = Some(SecretReference { name: "client".into() });
        http.service_account_token_ref =
            Some(ServiceAccountTokenReference { name: "default".into(), audience: "a".into() });
        http.insecure_skip_verify = Some(true);
    });
    unwise.destination_path = Some("/etc/app.yaml".into());
    assert_eq!(wrong(&unwise), [""; 0]);
    assert_eq!(unwise.warnings().len(), 6);
    assert!(unwise.warnings().iter().all(|warning| warning.len() <= 120));
}

/// The fields that this installation refuses, and why.
fn refused(spec: &ExternalSourceSpec, installation: &Installation<'_>) -> Vec<String> {
    match check_here(spec, installation) {
        Ok(_) => Vec::new(),
        Err(invalid) => invalid.errors().iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn certificates_go_unverified_only_where_the_operator_lets_them() {
    let skipping = with_http(|http| http.insecure_skip_verify = Some(true));
    assert_eq!(refused(&skipping, &Installation::default()), [""; 0], "as sources of the original do");
    let strict = Installation { must_verify: true, ..Installation::default() };
    let [told] = &refused(&skipping, &strict)[..] else { panic!("one field") };
    assert!(told.starts_with("spec.generator.http.insecureSkipVerify: Forbidden: "), "{told}");
    assert!(
        told.contains("--allow-insecure-skip-verify=false") && told.contains("caBundleSecretRef"),
        "{told}"
    );
    let vouched_for = with_http(|http| {
        http.insecure_skip_verify = Some(true);
        http.ca_bundle_secret_ref = Some(SecretKeyReference { name: "ca".into(), key: "ca.crt".into() });
    });
    assert_eq!(refused(&vouched_for, &strict), [""; 0], "a bundle wins");
    assert_eq!(refused(&with_http(|http| http.insecure_skip_verify = Some(false)), &strict), [""; 0]);
}

#[test]
fn a_host_is_refused_by_the_field_that_names_it() {
    let file = "[{ namespaces: [a], hosts: [example.dev, configs.s3.eu-west-1.amazonaws.com] }]";
    let hosts = AllowedHosts::parse(file).unwrap().of("a");
    let here = Installation { hosts: Some(&hosts), ..Installation::default() };
    let at = |url: &str| with_http(|http| http.url = url.into());
    assert_eq!(refused(&at("https://example.dev:8443/data"), &here), [""; 0]);
    let [told] = &refused(&at("https://example.com/data"), &here)[..] else { panic!("one field") };
    assert!(
        told.starts_with("spec.generator.http.url: Forbidden: sources in namespace a may not lead to"),
        "{told}"
    );
    assert_eq!(refused(&at("nowhere"), &here).len(), 1, "an address that is none is told as that alone");
    let bucket = |name: &str, endpoint: Option<&str>| {
        let s3 = S3Generator {
            bucket: name.into(),
            object: Some("a".into()),
            region: Some("eu-west-1".into()),
            endpoint: endpoint.map(Into::into),
            ..Default::default()
        };
        let generator = Generator { type_: GeneratorType::S3, s3: Some(s3), ..Default::default() };
        ExternalSourceSpec { generator, ..spec() }
    };
    assert_eq!(refused(&bucket("configs", None), &here), [""; 0]);
    assert!(refused(&bucket("others", None), &here)[0].starts_with("spec.generator.s3: Forbidden: "));
    let elsewhere = refused(&bucket("configs", Some("https://minio.example")), &here);
    assert!(elsewhere[0].starts_with("spec.generator.s3.endpoint: Forbidden: "), "{elsewhere:?}");
}
