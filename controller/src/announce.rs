//! Events about the installation itself. They speak of the Lease of the controller, which is there whatever runs it.
use crate::{
    config::Config,
    reconcile::{Note, Publisher, Topic},
};
use crds::{names::LEASE, reasons};
use k8s_openapi::api::{coordination::v1::Lease, core::v1::ObjectReference};
use kube::{Client, Resource};
use std::{collections::BTreeMap, future::pending};

/// Tells when the file of the whitelist cannot be used, and when it can be again. Never returns.
pub(crate) async fn whitelist(client: Client, config: &Config) {
    let Some(live) = &config.whitelist else { return pending().await };
    let publisher = Publisher::new(client, config.identity.clone(), None);
    let topic = Topic { object: lease(&config.namespace), annotations: &BTreeMap::new(), related: None };
    let mut problems = live.problems();
    // A new leader tells what is wrong already; that nothing is goes without saying.
    let mut broken = false;
    loop {
        let problem = problems.borrow_and_update().clone();
        let note = match problem {
            Some(why) => {
                let message = format!("the last good whitelist stays: {why}");
                Some(Note::warning(reasons::WHITELIST_REFUSED, message))
            }
            None if broken => {
                Some(Note::normal(reasons::WHITELIST_LOADED, "the whitelist is as its file says"))
            }
            None => None,
        };
        broken = note.as_ref().is_some_and(|note| note.warning);
        publisher.publish(&topic, note.into_iter().collect()).await;
        if problems.changed().await.is_err() {
            return pending().await;
        }
    }
}

fn lease(namespace: &str) -> ObjectReference {
    ObjectReference {
        api_version: Some(Lease::api_version(&()).into_owned()),
        kind: Some(Lease::kind(&()).into_owned()),
        name: Some(LEASE.to_owned()),
        namespace: Some(namespace.to_owned()),
        ..ObjectReference::default()
    }
}
