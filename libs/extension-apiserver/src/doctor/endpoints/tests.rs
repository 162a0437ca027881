//! Services without anybody behind them, in each way.
use super::*;
use serde_json::{Value, json};

fn target() -> Target {
    let roots = rustls::RootCertStore::empty();
    Target { namespace: "lights".into(), service: "lamps".into(), port: 443, roots, is_available: false }
}

fn service(spec: &Value) -> Option<Service> {
    Some(serde_json::from_value(json!({ "spec": spec })).unwrap())
}

fn https() -> ServicePort {
    let ports =
        json!([{ "name": "http", "port": 80 }, { "name": "https", "port": 443, "targetPort": "https" }]);
    port(service(&json!({ "ports": ports })), &target()).expect("a port")
}

fn slice(ready: &Value, name: &str) -> EndpointSlice {
    let slice = json!({
        "metadata": { "name": "lamps-1" },
        "addressType": "IPv4",
        "endpoints": [{ "addresses": ["10.0.0.1"], "conditions": { "ready": ready } }],
        "ports": [{ "name": name, "port": 6443 }],
    });
    serde_json::from_value(slice).unwrap()
}

fn told(slices: &[EndpointSlice]) -> String {
    let (addresses, findings) = judge(slices, &https(), &target());
    assert!(addresses.is_empty() && findings.len() == 1, "{addresses:?} {findings:?}");
    findings[0].problem.clone()
}

#[test]
fn ready_endpoints_are_found_by_the_name_of_the_port() {
    let found = judge(&[slice(&json!(true), "https"), slice(&Value::Null, "https")], &https(), &target());
    assert_eq!(found, (vec!["10.0.0.1:6443".parse().unwrap(); 2], vec![]));
}

#[test]
fn a_service_with_nobody_behind_it_says_why() {
    assert!(told(&[slice(&json!(false), "https")]).contains("has 1 endpoints and none is ready"));
    assert!(told(&[slice(&json!(true), "http")]).contains("has no endpoints for this port"));
    assert!(told(&[]).contains("Service lights/lamps has no endpoints"));
}

#[test]
fn a_service_that_cannot_be_called_is_named() {
    let told = |service| port(service, &target()).expect_err("no port").problem;
    assert_eq!(told(None), "Service lights/lamps does not exist");
    assert_eq!(
        told(service(&json!({ "ports": [{ "port": 8443 }] }))),
        "Service lights/lamps has no port 443"
    );
    assert!(told(service(&json!({ "type": "ExternalName" }))).contains("is an ExternalName"));
}
