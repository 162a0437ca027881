//! What readiness is told while the ConfigMap comes, breaks and goes.
use super::*;
use crate::{authn::overrides::RequestHeader, pki::Authority};

fn config_map(pairs: &[(&str, String)]) -> ConfigMap {
    let data = pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    ConfigMap { data: Some(data), ..ConfigMap::default() }
}

fn usual() -> ConfigMap {
    config_map(&[("requestheader-client-ca-file", Authority::new().pem())])
}

fn forbidden() -> watcher::Error {
    let status = kube::core::Status::failure("no", "Forbidden").with_code(403).boxed();
    watcher::Error::InitialListFailed(kube::Error::Api(status))
}

#[test]
fn each_obstacle_says_what_is_in_the_way() {
    let (current, mut seen) = (Current::default(), Seen::default());
    let obstacle = |current: &Current| current.obstacle().unwrap_or_default();
    assert!(obstacle(&current).ends_with("is not read yet"), "{}", obstacle(&current));

    current.trouble(&advice(&forbidden()));
    assert!(obstacle(&current).contains("--role=extension-apiserver-authentication-reader"));

    seen.take(watcher::Event::Init, &current);
    seen.take(watcher::Event::InitDone, &current);
    assert!(obstacle(&current).contains("does not exist"), "{}", obstacle(&current));

    seen.take(watcher::Event::Apply(config_map(&[])), &current);
    assert!(
        obstacle(&current).ends_with("requestheader-client-ca-file is missing"),
        "{}",
        obstacle(&current)
    );

    seen.take(watcher::Event::Apply(usual()), &current);
    assert_eq!(current.obstacle(), None);
}

#[tokio::test]
async fn ready_waits_for_the_first_good_configuration() {
    let (current, mut seen) = (Current::default(), Seen::default());
    assert!(futures::poll!(pin!(current.ready())).is_pending());

    seen.take(watcher::Event::Init, &current);
    seen.take(watcher::Event::InitApply(usual()), &current);
    assert!(current.obstacle().is_some(), "the list is not over");
    seen.take(watcher::Event::InitDone, &current);

    current.ready().await;
}

#[test]
fn what_was_read_outlives_errors_and_deletion() {
    let (current, mut seen) = (Current::default(), Seen::default());
    seen.take(watcher::Event::Apply(usual()), &current);

    current.trouble(&advice(&forbidden()));
    seen.take(watcher::Event::Delete(usual()), &current);
    seen.take(watcher::Event::Init, &current);
    seen.take(watcher::Event::InitDone, &current);
    seen.apply_again(&current);

    assert_eq!(current.obstacle(), None);
    assert!(current.trust.load().front_proxy.is_some());
}

#[test]
fn a_front_proxy_that_is_given_is_trusted_without_the_config_map() {
    let request_header = Some(RequestHeader::new(Authority::new().pem(), ["proxy".to_owned()]));
    let overrides = TrustOverrides { request_header, ..TrustOverrides::default() };
    assert!(overrides.is_enough() && !TrustOverrides::default().is_enough());
    let (current, mut seen) = (Current::default(), Seen { overrides, ..Seen::default() });
    seen.apply(ConfigMap::default(), &current);
    assert_eq!(current.obstacle(), None);

    seen.take(watcher::Event::Apply(usual()), &current);
    let trust = current.trust.load();
    let proxy = trust.front_proxy.as_ref().expect("a front proxy");
    assert_eq!(proxy.allowed_names, ["proxy"], "the ConfigMap's is another one");
}
