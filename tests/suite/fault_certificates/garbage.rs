//! Garbage in the Secrets of the certificates, put there by hand: it does not stay there.
use super::rotation::until;
use crate::pki;
use anyhow::{Context, Result};
use certs::{Lifetimes, Source};
use cluster::suite::Suite;
use extension_apiserver::serve::{ClientCertificates, Tls};
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use tokio_util::sync::CancellationToken;

const CA: &str = "postern-ca";
const SERVING: &str = "postern-serving";

/// What is put in, by key.
type Garbage = BTreeMap<&'static str, String>;

fn garbage<const N: usize>(data: [(&'static str, &str); N]) -> Garbage {
    data.into_iter().map(|(key, value)| (key, value.to_owned())).collect()
}

#[tokio::test]
async fn garbage_in_any_key_of_either_secret_is_rewritten_at_once() -> Result<()> {
    let suite = Suite::attach().await?;
    let namespace = suite.namespace("fault").await?;
    let stop = CancellationToken::new();
    let _ends_with_this_test = stop.clone().drop_guard();
    let source = Source::SelfManaged {
        client: suite.client().clone(),
        namespace: namespace.name().to_owned(),
        names: BTreeSet::from(["127.0.0.1".to_owned()]),
        lifetimes: Lifetimes::default(),
    };
    let _serving = certs::start(source, stop).await?;
    let secrets: Api<Secret> = Api::namespaced(suite.client().clone(), namespace.name());

    let ca = secrets.get(CA).await?;
    let (expired, expired_key) = pki::expired_leaf(&text(&ca, "tls.crt")?, &text(&ca, "tls.key")?)?;
    let (foreign, foreign_key) = pki::foreign_leaf()?;
    for (chain, key) in [(&expired, &expired_key), (&foreign, &foreign_key)] {
        heals(&secrets, SERVING, &garbage([("tls.crt", chain), ("tls.key", key)])).await?;
    }
    let useless = [
        garbage([("tls.crt", "garbage")]),
        garbage([("tls.key", "garbage")]),
        garbage([("ca.crt", "garbage")]),
        garbage([("tls.key", &foreign_key)]),
        garbage([("tls.crt", ""), ("tls.key", ""), ("ca.crt", "")]),
    ];
    // After the first CA is lost, it is too early for a leaf of the next one: the Secret is rewritten all the same.
    for secret in [SERVING, CA, SERVING] {
        for put in &useless {
            heals(&secrets, secret, put).await?;
        }
    }
    Ok(())
}

async fn heals(secrets: &Api<Secret>, name: &str, put: &Garbage) -> Result<()> {
    secrets.patch(name, &PatchParams::default(), &Patch::Merge(json!({ "stringData": put }))).await?;
    let healed = async || {
        let secret = secrets.get(name).await?;
        Ok((is_usable(&secret)? && !holds(&secret, put)?).then_some(()))
    };
    until(&format!("{name} is rewritten after {:?} was put in", put.keys()), healed).await
}

/// Whether anything of what was put in is still there.
fn holds(secret: &Secret, put: &Garbage) -> Result<bool> {
    let still =
        put.iter().map(|(key, value)| Ok(text(secret, key)? == *value)).collect::<Result<Vec<_>>>()?;
    Ok(still.contains(&true))
}

fn is_usable(secret: &Secret) -> Result<bool> {
    let [chain, key, bundle] = ["tls.crt", "tls.key", "ca.crt"].map(|key| text(secret, key));
    let (chain, key, bundle) = (chain?, key?, bundle?);
    let fits = Tls::new(chain.as_bytes(), key.as_bytes(), ClientCertificates::Ignore).is_ok();
    Ok(fits && CertificateDer::pem_slice_iter(bundle.as_bytes()).flatten().count() > 0)
}

fn text(secret: &Secret, key: &str) -> Result<String> {
    let value = secret.data.as_ref().and_then(|data| data.get(key)).with_context(|| format!("no {key}"))?;
    Ok(String::from_utf8(value.0.clone())?)
}
