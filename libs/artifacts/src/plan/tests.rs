//! What a plan makes of a spec and its Secrets.
use super::*;
use crate::{Error, Retry};
use crds::{
    external_source::{
        Generator, HttpGenerator, SecretKeyReference, SecretReference, Select, ServiceAccountTokenReference,
    },
    rules,
};
use proptest::prelude::*;
use rcgen::{CertificateParams, KeyPair};
use secrecy::SecretSlice;

const CANARY: &str = "canary-7f3a";

fn spec() -> ExternalSourceSpec {
    ExternalSourceSpec {
        interval: "1m".into(),
        timeout: "30s".into(),
        generator: Generator {
            http: Some(HttpGenerator {
                url: "https://example.com/data?token=canary-7f3a".into(),
                method: "GET".into(),
                ..Default::default()
            }),
            ..Default::default()
        },
        ..Default::default()
    }
}

fn with(change: impl FnOnce(&mut HttpGenerator)) -> ExternalSourceSpec {
    let mut spec = spec();
    change(spec.generator.http.as_mut().expect("spec() sets it"));
    spec
}

fn plan(spec: &ExternalSourceSpec, secrets: &Secrets) -> Result<Plan, Error> {
    Plan::new(rules::check(spec).expect("the spec is good"), secrets)
}

fn secret(name: &str, data: &[(&str, &[u8])]) -> ReferencedSecret {
    let entry = |(key, value): &(&str, &[u8])| ((*key).to_owned(), SecretSlice::from(value.to_vec()));
    ReferencedSecret { name: name.into(), version: "7".into(), data: data.iter().map(entry).collect() }
}

fn holding<const N: usize>(secrets: [ReferencedSecret; N]) -> Secrets {
    secrets.into_iter().collect()
}

/// A spec with `headersSecretRef`, and the plan that its Secret gives.
fn with_headers(data: &[(&str, &[u8])]) -> Result<Plan, Error> {
    let spec = with(|http| http.headers_secret_ref = Some(SecretReference { name: "token".into() }));
    plan(&spec, &holding([secret("token", data)]))
}

/// A spec with `caBundleSecretRef`, and the plan that its Secret gives.
fn with_bundle(pem: &[u8]) -> Result<Plan, Error> {
    let reference = SecretKeyReference { name: "ca".into(), key: "ca.crt".into() };
    let spec = with(|http| http.ca_bundle_secret_ref = Some(reference));
    plan(&spec, &holding([secret("ca", &[("ca.crt", pem)])]))
}

fn authority() -> String {
    let key = KeyPair::generate().unwrap();
    CertificateParams::new(["ca.example".into()]).unwrap().self_signed(&key).unwrap().pem()
}

#[test]
fn every_key_becomes_a_header_that_debug_does_not_show() {
    let plan =
        with_headers(&[("Authorization", b"Bearer canary-7f3a"), ("X-Tab", b"a\tb\xe9")]).expect("good");
    let headers = &plan.request().headers;
    assert_eq!(headers["authorization"], "Bearer canary-7f3a");
    assert!(headers.values().all(http::HeaderValue::is_sensitive));
    let shown = format!("{plan:?} {headers:?}");
    assert!(!shown.contains(CANARY), "{shown}");
}

#[test]
fn a_bad_header_is_told_by_secret_and_key_and_never_by_value() {
    for (key, value, problem) in [
        ("a", "canary-7f3a\r\nX: y", "its value holds a line break; a common cause is a newline at the end"),
        ("a", "canary-7f3a\n", "its value holds a line break; a common cause is a newline at the end"),
        ("a", "canary-7f3a\0", "its value holds a control character"),
        ("a b", CANARY, "it is no header name"),
        ("Host", CANARY, "this header is set by the fetch itself"),
        ("content-length", CANARY, "this header is set by the fetch itself"),
        ("Transfer-Encoding", CANARY, "this header is set by the fetch itself"),
        ("Connection", CANARY, "this header is set by the fetch itself"),
        ("Range", CANARY, "this header is set by the fetch itself"),
        ("If-None-Match", CANARY, "this header is set by the fetch itself"),
    ] {
        let error = with_headers(&[(key, value.as_bytes())]).expect_err(key);
        let expected = format!("key {key} of Secret token cannot be sent as a header: {problem}");
        assert_eq!(error.to_string(), expected);
        assert_eq!((error.reason(), error.retry()), ("InvalidHeader", Retry::OnChange));
        assert!(!format!("{error:?}").contains(CANARY));
    }
}

#[test]
fn two_keys_for_one_header_are_refused() {
    let error = with_headers(&[("Accept", b"a"), ("accept", b"b")]).expect_err("ambiguous");
    assert!(error.to_string().ends_with("another key gives the same header; case does not matter"));
}

#[test]
fn a_secret_of_very_many_keys_is_refused() {
    let keys: Vec<String> = (0..101).map(|n| format!("k{n:03}")).collect();
    let data: Vec<(&str, &[u8])> = keys.iter().map(|key| (key.as_str(), b"v".as_slice())).collect();
    assert_eq!(with_headers(&data[..100]).expect("as many as allowed").request().headers.len(), 100);
    let error = with_headers(&data).expect_err("one too many");
    assert!(error.to_string().contains("at most 100 headers"), "{error}");
}

#[test]
fn a_bundle_replaces_the_system_and_wins_over_skipping() {
    let pem = [authority(), authority()].concat();
    let bundled = with_bundle(pem.as_bytes()).expect("good");
    assert!(matches!(&bundled.request().trust, Trust::Bundle(bundle) if bundle.certificates.len() == 2));

    let reference = SecretKeyReference { name: "ca".into(), key: "ca.crt".into() };
    let both = with(|http| {
        http.ca_bundle_secret_ref = Some(reference);
        http.insecure_skip_verify = Some(true);
    });
    let plan = plan(&both, &holding([secret("ca", &[("ca.crt", pem.as_bytes())])])).expect("good");
    assert!(matches!(plan.request().trust, Trust::Bundle(_)));
}

#[test]
fn a_bad_bundle_is_told_by_secret_and_key() {
    let key = KeyPair::generate().unwrap().serialize_pem();
    let no_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let unfinished = &authority()[..100];
    let huge = vec![b'\n'; 512 * 1024 + 1];
    for (pem, problem) in [
        (b"canary-7f3a".as_slice(), "it holds no certificate in PEM"),
        (b"", "it holds no certificate in PEM"),
        (b"\xff\xfe\0", "it holds no certificate in PEM"),
        (key.as_bytes(), "it holds no certificate in PEM"),
        (unfinished.as_bytes(), "it is not PEM"),
        (no_certificate.as_bytes(), "one of its certificates cannot be read"),
        (&huge, "it is larger than 512 KiB"),
    ] {
        let error = with_bundle(pem).expect_err(problem);
        assert_eq!(error.to_string(), format!("key ca.crt of Secret ca is no CA bundle: {problem}"));
        assert_eq!((error.reason(), error.retry()), ("InvalidCABundle", Retry::OnChange));
    }
}

#[test]
fn a_hostile_bundle_costs_little() {
    let many_lines = "\n".repeat(500_000);
    let nested = "-----BEGIN CERTIFICATE-----\n".repeat(18_000);
    let certificate = authority();
    let many = certificate.repeat(512 * 1024 / certificate.len());
    for pem in [many_lines, nested, many] {
        let started = std::time::Instant::now();
        let _ = with_bundle(pem.as_bytes());
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    }
}

/// A spec with `certSecretRef`, and the plan that its Secret gives.
fn with_certificate(data: &[(&str, &[u8])]) -> Result<Plan, Error> {
    let spec = with(|http| http.cert_secret_ref = Some(SecretReference { name: "client".into() }));
    plan(&spec, &holding([secret("client", data)]))
}

#[test]
fn a_bad_client_certificate_is_told_by_secret_and_key_and_never_by_value() {
    let pair = || {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(["postern".into()]).unwrap().self_signed(&key).unwrap();
        (certificate.pem(), key.serialize_pem())
    };
    let ((certificate, key), (_, another)) = (pair(), pair());
    with_certificate(&[("tls.crt", certificate.as_bytes()), ("tls.key", key.as_bytes())]).expect("good");

    let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let unreadable = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let of_no_kind = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let huge = "\n".repeat(64 * 1024 + 1);
    for (crt, private, which, problem) in [
        (CANARY, &*key, "tls.crt", "it holds no certificate in PEM"),
        (&certificate[..100], &key, "tls.crt", "it is not PEM"),
        (unreadable, &key, "tls.crt", "the certificate cannot be read"),
        (&huge, &key, "tls.crt", "it is larger than 64 KiB"),
        (&certificate, CANARY, "tls.key", "it holds no private key in PEM that is not encrypted"),
        (&certificate, &encrypted, "tls.key", "it holds no private key in PEM that is not encrypted"),
        (&certificate, of_no_kind, "tls.key", "it is of a kind that TLS does not use"),
        (&certificate, &another, "tls.key", "it is not the key of the certificate in tls.crt"),
    ] {
        let data = [("tls.crt", crt.as_bytes()), ("tls.key", private.as_bytes())];
        let error = with_certificate(&data).expect_err(problem);
        let expected =
            format!("key {which} of Secret client cannot be used as a client certificate: {problem}");
        assert_eq!(error.to_string(), expected);
        assert_eq!((error.reason(), error.retry()), ("InvalidClientCertificate", Retry::OnChange));
        assert!(!format!("{error:?}").contains(CANARY));
    }
    let error = with_certificate(&[("tls.crt", certificate.as_bytes())]).expect_err("no key");
    assert_eq!(error.to_string(), "Secret client has no key tls.key");
}

#[test]
fn a_missing_secret_or_key_is_told_by_name() {
    let reference = SecretKeyReference { name: "ca".into(), key: "ca.crt".into() };
    let spec = with(|http| http.ca_bundle_secret_ref = Some(reference));
    let error = plan(&spec, &Secrets::default()).expect_err("no Secret");
    assert_eq!((error.to_string(), error.reason()), ("Secret ca does not exist".into(), "SecretNotFound"));
    let error = plan(&spec, &holding([secret("ca", &[("other", b"")])])).expect_err("no key");
    assert_eq!(
        (error.to_string(), error.reason()),
        ("Secret ca has no key ca.crt".into(), "SecretKeyMissing")
    );
}

#[test]
fn a_path_keeps_only_steps_that_lead_somewhere() {
    for (path, kept) in [
        ("", None),
        (".", None),
        ("/", None),
        ("./", None),
        ("//a//b/./c/", Some("a/b/c")),
        ("data.json", Some("data.json")),
        ("a..b", Some("a..b")),
        (".hidden", Some(".hidden")),
    ] {
        let spec = ExternalSourceSpec { destination_path: Some(path.into()), ..spec() };
        let destination = plan(&spec, &Secrets::default()).expect("good").destination;
        assert_eq!(destination.as_ref().map(EntryPath::as_str), kept, "{path:?}");
    }
}

proptest! {
    #[test]
    fn any_path_that_the_rules_accept_is_a_path_in_the_archive(path in r"[a./ \\x00\pL]{0,40}|.{0,300}") {
        let spec = ExternalSourceSpec { destination_path: Some(path), ..spec() };
        if let Ok(checked) = rules::check(&spec) {
            let plan = Plan::new(checked, &Secrets::default()).expect("no Secret is needed");
            prop_assert!(plan.destination.is_none_or(|path| !path.as_str().is_empty()));
        }
    }
}

/// A spec that unpacks and selects.
fn selecting(change: impl FnOnce(&mut Select)) -> ExternalSourceSpec {
    let mut select = Select::default();
    change(&mut select);
    ExternalSourceSpec { select: Some(select), ..with(|http| http.unpack = Some(Unpack::Always)) }
}

#[test]
fn whatever_shapes_the_artifact_changes_the_inputs_digest() {
    let base = plan(&spec(), &Secrets::default()).expect("good").inputs_digest();
    let changed = [
        with(|http| http.url.push('x')),
        with(|http| http.method = "POST".into()),
        with(|http| http.body = Some(String::new())),
        with(|http| http.unpack = Some(Unpack::Auto)),
        with(|http| http.sha256 = Some("0".repeat(64))),
        with(|http| http.expected_content_type = Some(vec!["text/plain".into()])),
        with(|http| http.expected_status = Some(vec![200])),
        with(|http| http.follow_redirects = Some(false)),
        with(|http| http.insecure_skip_verify = Some(true)),
        ExternalSourceSpec { destination_path: Some("a".into()), ..spec() },
        selecting(|select| select.strip_components = Some(1)),
        selecting(|select| select.strip_components = Some(2)),
        selecting(|select| select.include = vec!["a".into()]),
        selecting(|select| select.exclude = vec!["a".into()]),
    ];
    let mut digests: Vec<Digest> =
        changed.iter().map(|spec| plan(spec, &Secrets::default()).expect("good").inputs_digest()).collect();
    digests.push(base);
    let distinct: std::collections::BTreeSet<Digest> = digests.iter().copied().collect();
    assert_eq!(distinct.len(), digests.len());
}

#[test]
fn the_body_of_a_secret_is_an_input_by_its_version_and_key() {
    let reference = |key: &str| SecretKeyReference { name: "login".into(), key: key.into() };
    let planned = |key: &str, version: &str| {
        let data: [(&str, &[u8]); 2] = [("a", b"canary-7f3a\xff"), ("b", b"other")];
        let secret = ReferencedSecret { version: version.into(), ..secret("login", &data) };
        let spec = with(|http| http.body_secret_ref = Some(reference(key)));
        plan(&spec, &holding([secret])).expect("good")
    };
    let body = planned("a", "7").request().body.clone().expect("a body");
    assert!(body.is_secret && body.bytes == b"canary-7f3a\xff"[..]);
    let [first, other_key, newer] =
        [("a", "7"), ("b", "7"), ("a", "8")].map(|(key, version)| planned(key, version).inputs_digest());
    assert!(first != other_key && first != newer && other_key != newer);

    let spec = with(|http| http.body_secret_ref = Some(reference("c")));
    let error = plan(&spec, &holding([secret("login", &[("a", b"x")])])).expect_err("no such key");
    assert_eq!(error.to_string(), "Secret login has no key c");
}

/// Of that account and for that audience, beside the headers of a Secret.
fn with_token(account: &str, audience: &str, header: &str) -> Result<Plan, Error> {
    let spec = with(|http| {
        http.headers_secret_ref = Some(SecretReference { name: "token".into() });
        http.service_account_token_ref =
            Some(ServiceAccountTokenReference { name: account.into(), audience: audience.into() });
    });
    plan(&spec, &holding([secret("token", &[(header, b"x")])]))
}

#[test]
fn a_token_is_sent_beside_the_headers_and_never_shown() {
    let mut planned = with_token("robot", "a", "X-Key").expect("good");
    assert_eq!(planned.account().map(|account| account.name.as_str()), Some("robot"));
    let inputs = planned.inputs_digest();
    planned.bear(Bearer::new(&CANARY.into()).expect("a token"));
    let headers = &planned.request().headers;
    assert!(headers["authorization"] == "Bearer canary-7f3a" && headers["x-key"] == "x");
    assert!(headers["authorization"].is_sensitive() && planned.inputs_digest() == inputs);
    assert!(Bearer::new(&"a\nb".into()).is_none());

    let error = with_token("robot", "a", "AUTHORIZATION").expect_err("two credentials");
    let problem = "this header is set by serviceAccountTokenRef";
    assert_eq!(
        error.to_string(),
        format!("key AUTHORIZATION of Secret token cannot be sent as a header: {problem}")
    );
}

#[test]
fn whose_token_it_is_and_for_whom_are_inputs() {
    let digest = |account, audience| with_token(account, audience, "A").expect("good").inputs_digest();
    assert_ne!(digest("robot", "a"), digest("default", "a"));
    assert_ne!(digest("robot", "a"), digest("robot", "b"));
}

#[test]
fn another_version_of_a_secret_changes_the_inputs_digest() {
    let spec = with(|http| http.headers_secret_ref = Some(SecretReference { name: "token".into() }));
    let digest = |version: &str, value: &[u8]| {
        let secret = ReferencedSecret { version: version.into(), ..secret("token", &[("a", value)]) };
        plan(&spec, &holding([secret])).expect("good").inputs_digest()
    };
    assert_ne!(digest("7", b"x"), digest("8", b"x"));
    assert_eq!(digest("7", b"x"), digest("7", b"y"), "values leave no trace");
}

#[test]
fn what_does_not_shape_the_artifact_leaves_the_inputs_digest() {
    let digest = |spec: &ExternalSourceSpec| plan(spec, &Secrets::default()).expect("good").inputs_digest();
    let base = digest(&spec());
    for same in [
        ExternalSourceSpec { interval: "5m".into(), timeout: "1m".into(), suspend: Some(true), ..spec() },
        ExternalSourceSpec { destination_path: Some("./".into()), ..spec() },
        with(|http| http.unpack = Some(Unpack::Never)),
        with(|http| http.follow_redirects = Some(true)),
        with(|http| http.expected_status = Some(vec![])),
    ] {
        assert_eq!(digest(&same), base);
    }
}

#[test]
fn every_part_of_a_hook_that_shapes_the_artifact_is_an_input() {
    use crds::external_source::{EnvVar, Hook, Hooks, RetryPolicy};
    let digest = |change: &dyn Fn(&mut Hook), pre: bool| {
        let mut hook =
            Hook { name: "a".into(), command: "jq".into(), timeout: "30s".into(), ..Hook::default() };
        change(&mut hook);
        let (pre, post) = if pre { (vec![hook], Vec::new()) } else { (Vec::new(), vec![hook]) };
        let hooks = Some(Hooks { pre_request: pre, post_request: post });
        plan(&ExternalSourceSpec { hooks, ..spec() }, &Secrets::default()).expect("good").inputs_digest()
    };
    let variable = || EnvVar { name: "A".into(), value: "b".into() };
    let different: Vec<_> = [
        plan(&spec(), &Secrets::default()).expect("good").inputs_digest(),
        digest(&|_| (), true),
        digest(&|_| (), false),
        digest(&|hook| hook.command = "yq".into(), false),
        digest(&|hook| hook.args = vec!["a".into()], false),
        digest(&|hook| hook.env = vec![variable()], false),
        digest(&|hook| hook.retry_policy = RetryPolicy::Ignore, false),
    ]
    .into();
    let distinct: std::collections::BTreeSet<_> = different.iter().collect();
    assert_eq!(distinct.len(), different.len());
    let same = digest(&|hook| (hook.name, hook.timeout) = ("b".into(), "1m".into()), false);
    assert_eq!(same, digest(&|_| (), false), "name and timeout shape nothing");
}
