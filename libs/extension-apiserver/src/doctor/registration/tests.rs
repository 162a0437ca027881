//! APIServices that lead nowhere, and by a CA that proves nothing.
use super::*;
use crate::pki::Authority;
use serde_json::{Value, json};

fn way(change: impl FnOnce(&mut Value)) -> Way {
    let bundle = k8s_openapi::ByteString(Authority::new().pem().into_bytes());
    let mut service = json!({
        "metadata": { "name": "v1.example.com" },
        "spec": {
            "groupPriorityMinimum": 1, "versionPriority": 1, "caBundle": bundle,
            "service": { "namespace": "lights", "name": "lamps" },
        },
        "status": { "conditions": [{ "type": "Available", "status": "True" }] },
    });
    change(&mut service);
    judge("v1.example.com", Some(serde_json::from_value(service).unwrap()), Timestamp::now())
}

fn problems(way: &Way) -> Vec<(Check, &str)> {
    way.findings.iter().map(|finding| (finding.check, finding.problem.as_str())).collect()
}

#[test]
fn a_good_one_leads_to_its_service() {
    let way = way(|_| {});
    assert_eq!(problems(&way), []);
    let target = way.target.expect("a target");
    assert_eq!((target.namespace.as_str(), target.service.as_str(), target.port), ("lights", "lamps", 443));
    assert!(target.is_available && !target.roots.is_empty());
}

#[test]
fn one_that_is_missing_or_local_leads_nowhere() {
    let missing = judge("v1.example.com", None, Timestamp::now());
    assert!(missing.target.is_none() && problems(&missing)[0].1.contains("does not exist"));
    let local = way(|service| service["spec"]["service"] = Value::Null);
    assert!(local.target.is_none() && problems(&local)[0].1.contains("names no Service"));
}

#[test]
fn what_kube_apiserver_says_is_passed_on() {
    let condition =
        json!({ "type": "Available", "status": "False", "reason": "MissingEndpoints", "message": "none" });
    let way = way(|service| service["status"]["conditions"][0] = condition);
    let said = "kube-apiserver says that v1.example.com is not available: MissingEndpoints: none";
    assert_eq!(problems(&way), [(Check::ApiService, said)]);
}

#[test]
fn a_bundle_that_proves_nothing_is_told() {
    let of = |pem: &str| {
        let bundle = k8s_openapi::ByteString(pem.as_bytes().to_vec());
        let way = way(|service| service["spec"]["caBundle"] = json!(bundle));
        assert_eq!(way.findings[0].check, Check::CaBundle);
        assert!(way.findings[0].remedy.starts_with("kubectl patch apiservice v1.example.com"));
        way.findings[0].problem.clone()
    };
    assert!(of("").contains("is empty"));
    assert!(of("what").contains("expired or not valid yet, or none"));
    assert!(
        of("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").contains("not a certificate")
    );
    assert!(of(&Authority::expired().pem()).contains("expired"));
    let skipped = way(|service| {
        service["spec"]["insecureSkipTLSVerify"] = json!(true);
        service["spec"]["caBundle"] = Value::Null;
    });
    assert!(problems(&skipped)[0].1.starts_with("insecureSkipTLSVerify is true"));
}
