//! Tells kube-apiserver whom to trust: keeps the CA bundle of the APIService and of both webhook configurations equal
//! to that of our serving certificate, through renewals and through edits by hand.
//!
//! An apply of the bundle alone: all else in these objects belongs to whoever installed them.
use crate::reconcile::back_off;
use certs::ServingCertificate;
use futures::{StreamExt, future::OptionFuture};
use k8s_openapi::{
    ByteString,
    api::admissionregistration::v1::{
        MutatingWebhookConfiguration, ValidatingWebhookConfiguration, WebhookClientConfig,
    },
    kube_aggregator::pkg::apis::apiregistration::v1::APIService,
};
use kube::{
    Api, Client, Resource,
    api::{Patch, PatchParams},
    runtime::{WatchStreamExt, watcher},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::{fmt::Debug, pin::pin, sync::Arc, time::Duration};
use tokio::{sync::watch, time::sleep};
use tracing::{info, warn};

/// Who wrote the bundles, as Kubernetes remembers it.
const FIELD_MANAGER: &str = "postern-certs";
/// The pause after a write that failed.
const PAUSE: Duration = Duration::from_secs(3);

/// Keeps all bundles true. Never returns.
pub(crate) async fn publish(client: Client, serving: watch::Receiver<Arc<ServingCertificate>>) {
    tokio::join!(
        keep::<APIService>(client.clone(), serving.clone()),
        keep::<MutatingWebhookConfiguration>(client.clone(), serving.clone()),
        keep::<ValidatingWebhookConfiguration>(client, serving),
    );
}

/// An object that tells kube-apiserver whom to trust.
trait Carrier: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static {
    const NAME: &'static str;

    /// What it says now, once for each address that it holds.
    fn bundles(&self) -> Vec<Option<&ByteString>>;

    /// What makes it say `bundle`, and nothing else.
    fn saying(&self, bundle: &ByteString) -> Value;
}

async fn keep<K: Carrier>(client: Client, mut serving: watch::Receiver<Arc<ServingCertificate>>) {
    let api: Api<K> = Api::all(client);
    let by_name = watcher::Config::default().fields(&format!("metadata.name={}", K::NAME));
    let mut events = pin!(watcher::watcher(api.clone(), by_name).backoff(back_off()).applied_objects());
    let (mut object, mut failed): (Option<K>, bool) = (None, false);
    loop {
        let retry = OptionFuture::from(failed.then(|| sleep(PAUSE)));
        tokio::select! {
            Some(event) = events.next() => match event {
                Ok(seen) => object = Some(seen),
                Err(error) => {
                    warn!(error = %telemetry::Chain(&error), object = K::NAME, "the watch broke; it starts again");
                    continue;
                }
            },
            Ok(()) = serving.changed() => {}
            Some(()) = retry => {}
        }
        let bundle = ByteString(serving.borrow().ca_pem.clone());
        let Some(seen) = object.as_ref().filter(|seen| needs(*seen, &bundle)) else { continue };
        let apply = PatchParams::apply(FIELD_MANAGER).force();
        let written = api.patch(K::NAME, &apply, &Patch::Apply(seen.saying(&bundle))).await;
        failed = written.is_err();
        match written {
            Ok(written) => {
                info!(kind = %K::kind(&()), object = K::NAME, "published the CA bundle");
                object = Some(written);
            }
            Err(error) => {
                warn!(error = %telemetry::Chain(&error), object = K::NAME, "could not publish the CA bundle");
            }
        }
    }
}

/// An unknown CA is nothing to publish: the system's authorities then decide.
fn needs<K: Carrier>(object: &K, bundle: &ByteString) -> bool {
    !bundle.0.is_empty() && object.bundles().iter().any(|said| *said != Some(bundle))
}

impl Carrier for APIService {
    const NAME: &'static str = "v1alpha1.subresources.postern.dev";

    fn bundles(&self) -> Vec<Option<&ByteString>> {
        vec![self.spec.as_ref().and_then(|spec| spec.ca_bundle.as_ref())]
    }

    fn saying(&self, bundle: &ByteString) -> Value {
        body::<Self>(json!({ "spec": { "caBundle": bundle } }))
    }
}

impl Carrier for MutatingWebhookConfiguration {
    const NAME: &'static str = "postern";

    fn bundles(&self) -> Vec<Option<&ByteString>> {
        self.webhooks.iter().flatten().map(|webhook| said(&webhook.client_config)).collect()
    }

    fn saying(&self, bundle: &ByteString) -> Value {
        webhooks::<Self>(self.webhooks.iter().flatten().map(|webhook| &*webhook.name), bundle)
    }
}

impl Carrier for ValidatingWebhookConfiguration {
    const NAME: &'static str = "postern";

    fn bundles(&self) -> Vec<Option<&ByteString>> {
        self.webhooks.iter().flatten().map(|webhook| said(&webhook.client_config)).collect()
    }

    fn saying(&self, bundle: &ByteString) -> Value {
        webhooks::<Self>(self.webhooks.iter().flatten().map(|webhook| &*webhook.name), bundle)
    }
}

fn said(config: &WebhookClientConfig) -> Option<&ByteString> {
    config.ca_bundle.as_ref()
}

/// Webhooks are a map by name, so that an apply touches one field of each.
fn webhooks<'a, K: Carrier>(names: impl Iterator<Item = &'a str>, bundle: &ByteString) -> Value {
    let webhook = |name| json!({ "name": name, "clientConfig": { "caBundle": bundle } });
    body::<K>(json!({ "webhooks": names.map(webhook).collect::<Vec<_>>() }))
}

fn body<K: Carrier>(mut body: Value) -> Value {
    body["apiVersion"] = json!(K::api_version(&()));
    body["kind"] = json!(K::kind(&()));
    body["metadata"] = json!({ "name": K::NAME });
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configuration() -> ValidatingWebhookConfiguration {
        serde_json::from_value(json!({
            "metadata": { "name": "postern" },
            "webhooks": [{ "name": "validate.postern.dev", "clientConfig": { "caBundle": "b2xk" } }],
        }))
        .expect("an object of the API")
    }

    #[test]
    fn another_bundle_is_written_and_the_same_is_not() {
        let configuration = configuration();
        assert!(needs(&configuration, &ByteString(b"new".to_vec())));
        assert!(!needs(&configuration, &ByteString(b"old".to_vec())));
        assert!(!needs(&configuration, &ByteString(Vec::new())), "an unknown CA is nothing to publish");
    }

    #[test]
    fn nothing_but_the_bundle_is_written() {
        let body = configuration().saying(&ByteString(b"new".to_vec()));
        assert_eq!(
            body["webhooks"],
            json!([{ "name": "validate.postern.dev", "clientConfig": { "caBundle": "bmV3" } }])
        );
        let body = APIService::default().saying(&ByteString(b"new".to_vec()));
        assert_eq!(body["spec"], json!({ "caBundle": "bmV3" }));
        assert_eq!(body["apiVersion"], "apiregistration.k8s.io/v1");
    }
}
