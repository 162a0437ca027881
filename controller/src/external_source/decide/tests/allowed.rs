//! What becomes of a source that the operator no longer allows.
use super::*;
use crds::allowed_hosts::AllowedHosts;

#[test]
fn what_the_operator_no_longer_allows_is_not_fetched_and_looked_at_again() {
    let mut strict = Scene::well();
    strict.http().insecure_skip_verify = Some(true);
    strict.memory.next = Next::Unknown;
    assert!(matches!(strict.step(), Step::Fetch(_)), "as long as nobody forbids it");
    strict.seen.allowed.must_verify = true;
    let failure = strict.failure();
    assert_eq!((failure.reason, failure.retry), ("NotAllowed", Retry::AtInterval));
    assert!(failure.message.contains("--allow-insecure-skip-verify=false"), "{}", failure.message);

    let mut walled = Scene::well();
    let file = "[{ namespaces: [apps], hosts: [other.example] }]";
    let hosts = AllowedHosts::parse(file).expect("a good file");
    walled.seen.allowed.hosts = Some(hosts.of("apps"));
    let failure = walled.failure();
    assert_eq!((failure.reason, failure.retry), ("NotAllowed", Retry::AtInterval));
    assert!(failure.message.contains("spec.generator.http.url"), "{}", failure.message);
}
