//! Events about the installation itself. They speak of the Lease of the controller, which is there whatever runs it.
use crate::{
    config::Config,
    reconcile::{Note, Publisher, Topic},
};
use crds::{names::LEASE, reasons};
use installation::Live;
use k8s_openapi::api::{coordination::v1::Lease, core::v1::ObjectReference};
use kube::{Client, Resource};
use std::{collections::BTreeMap, future::pending};

/// What is said of a file.
struct Words {
    refused: &'static str,
    stays: &'static str,
    loaded: &'static str,
    is_used: &'static str,
}

const WHITELIST: Words = Words {
    refused: reasons::WHITELIST_REFUSED,
    stays: "the last good whitelist stays",
    loaded: reasons::WHITELIST_LOADED,
    is_used: "the whitelist is as its file says",
};

const ALLOWED_HOSTS: Words = Words {
    refused: reasons::ALLOWED_HOSTS_REFUSED,
    stays: "the last good list of allowed hosts stays",
    loaded: reasons::ALLOWED_HOSTS_LOADED,
    is_used: "the list of allowed hosts is as its file says",
};

/// Tells when a file of the operator cannot be used, and when it can be again. Never returns.
pub(crate) async fn problems(client: Client, config: &Config) {
    tokio::join!(
        follow(client.clone(), config, config.policies.commands.as_ref(), WHITELIST),
        follow(client, config, config.policies.hosts.as_ref(), ALLOWED_HOSTS),
    );
}

async fn follow<T>(client: Client, config: &Config, live: Option<&Live<T>>, words: Words) {
    let Some(live) = live else { return pending().await };
    let publisher = Publisher::new(client, config.identity.clone(), None);
    let topic = Topic { object: lease(&config.namespace), annotations: &BTreeMap::new(), related: None };
    let mut problems = live.problems();
    // A new leader tells what is wrong already; that nothing is goes without saying.
    let mut broken = false;
    loop {
        let problem = problems.borrow_and_update().clone();
        let note = match problem {
            Some(why) => {
                let message = format!("{}: {why}", words.stays);
                Some(Note::warning(words.refused, message))
            }
            None if broken => Some(Note::normal(words.loaded, words.is_used)),
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
