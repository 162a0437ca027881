//! Making many changes, whatever happens to the servers meanwhile.
use super::PAUSE;
use anyhow::{Result, ensure};
use futures::{StreamExt, stream};
use kube::{
    Api, Client,
    api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams},
    core::{ApiResource, GroupVersionKind},
};
use serde_json::json;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// How many objects change, side by side.
const OBJECTS: usize = 100;
const AT_ONCE: usize = 16;

/// What changes.
pub(super) fn flunder() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("wardle.example.com", "v1beta1", "Flunder"))
}

pub(super) fn flunders(client: &Client, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, &flunder())
}

/// Changes each object as often as the others: it comes, changes, goes, and comes again.
pub(super) async fn make(flunders: &Api<DynamicObject>, changes: usize) -> Result<()> {
    let each = changes.div_ceil(OBJECTS);
    let mut made = stream::iter(0..OBJECTS)
        .map(async |index| {
            for step in 0..each {
                change(flunders, &format!("f-{index}"), step).await?;
            }
            anyhow::Ok(())
        })
        .buffer_unordered(AT_ONCE);
    while let Some(made) = made.next().await {
        made?;
    }
    Ok(())
}

/// One change, tried again for as long as a restart may take. Objects do not outlive their server.
async fn change(flunders: &Api<DynamicObject>, name: &str, step: usize) -> Result<()> {
    let began = Instant::now();
    loop {
        let done = match step % 10 {
            9 => flunders.delete(name, &DeleteParams::default()).await.map(|_| ()),
            _ => {
                let spec = json!({ "spec": { "flunderReference": format!("r-{step}"), "referenceType": "Flunder" } });
                flunders.patch(name, &PatchParams::default(), &Patch::Merge(&spec)).await.map(|_| ())
            }
        };
        let missing = match done {
            Ok(()) => return Ok(()),
            Err(kube::Error::Api(status)) => status.code == 404 && status.reason == "NotFound",
            Err(_) => false,
        };
        if missing && create(flunders, name).await.is_ok() {
            return Ok(());
        }
        ensure!(began.elapsed() < Duration::from_secs(60), "{name} cannot be changed for a minute");
        tokio::time::sleep(PAUSE).await;
    }
}

async fn create(flunders: &Api<DynamicObject>, name: &str) -> kube::Result<DynamicObject> {
    flunders.create(&PostParams::default(), &DynamicObject::new(name, &flunder())).await
}

/// The version of each object, by name.
pub(super) async fn kept(flunders: &Api<DynamicObject>) -> Result<BTreeMap<String, String>> {
    Ok(versions(&flunders.list(&ListParams::default()).await?.items))
}

pub(super) fn versions<'a>(objects: impl IntoIterator<Item = &'a DynamicObject>) -> BTreeMap<String, String> {
    let version = |object: &DynamicObject| {
        let meta = &object.metadata;
        (meta.name.clone().unwrap_or_default(), meta.resource_version.clone().unwrap_or_default())
    };
    objects.into_iter().map(version).collect()
}
