//! Secrets come in at many places and may come out at none: a canary for every place at which a secret enters, in passes that end
//! well and in passes that fail in every way, searched for in everything that Postern tells anybody.
//!
//! A new place is a row in `places`, a new ending one in `endings`, a new way out one in `outlets`.
mod endings;
mod installation;
mod outlets;
mod places;
mod search;
mod world;

use crate::{aggregated::post, sources::sources};
use anyhow::{Context, Result, ensure};
use cluster::{
    namespace::Namespace,
    suite::{Suite, skip, to_its_end},
};
use crds::ExternalSource;
use endings::ENDINGS;
use futures::{StreamExt, TryStreamExt, stream};
use installation::Installation;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
    runtime::{WatchStreamExt, watcher},
};
use outlets::Outlet;
use places::{Draft, PLACES, Place};
use search::MARK;
use std::{collections::BTreeSet, pin::pin, time::Duration};
use tokio::time::timeout;
use world::World;

/// How many requests of the test are on their way at once.
const AT_ONCE: usize = 16;
/// Of how many endings the sources are asked for by name. What is said does not depend on how the pass ended, but for whether it
/// ended well.
const ASKED: usize = 2;
/// For a pass over every source.
const PASSES: Duration = Duration::from_secs(90);

/// One place at which a secret enters, in a pass that ends in one way.
struct Planted {
    place: &'static Place,
    name: String,
    canary: String,
    draft: Draft,
    ending: usize,
}

#[tokio::test]
async fn what_is_secret_comes_out_nowhere() -> Result<()> {
    let suite = Suite::attach_alone().await?;
    let Some(cluster) = suite.own() else { return skip("this Postern is not ours to restart") };
    let namespace = suite.namespace("canaries").await?;
    let installation = Installation::begin(cluster).await?;
    let outcome = async {
        let world = World::open().await?;
        let planted = planted(&world);
        let outlets = story(&suite, &namespace, &installation, (&world, &planted)).await?;
        arrived(&world, &planted)?;
        let canaries = vec![("a canary".to_owned(), MARK.to_owned())];
        judge(&outlets, &planted, &[canaries, installation.secrets().await?, world.secrets()?].concat())
    };
    let outcome = to_its_end(outcome).await;
    installation.end().await?;
    outcome
}

fn planted(world: &World) -> Vec<Planted> {
    let mut planted = Vec::new();
    for place in &PLACES {
        let endings = ENDINGS.iter().enumerate();
        for (number, ending) in endings.filter(|(_, ending)| ending.fits(place.kind)) {
            let name = format!("{}-{}", place.name, ending.name);
            let canary = format!("{MARK}-{name}");
            let mut draft = Draft::new(place.kind, &name, world);
            (place.plant)(&mut draft, &canary);
            (ending.change)(&mut draft, world);
            world.serve(&name, draft.answer.clone());
            planted.push(Planted { place, name, canary, draft, ending: number });
        }
    }
    planted
}

/// Everything happens, and all that is told of it is collected.
async fn story(
    suite: &Suite,
    namespace: &Namespace,
    installation: &Installation<'_>,
    (world, planted): (&World, &[Planted]),
) -> Result<Vec<Outlet>> {
    let grant = ["--clusterrole=postern-service-account-tokens", "--serviceaccount=postern-system:postern"];
    namespace.kubectl(&[&["create", "rolebinding", "postern-tokens"][..], &grant].concat()).await?;
    let mut outlets = vec![outlets::admission(suite, namespace.name(), planted).await?];
    let api = sources(suite.client(), namespace.name());
    apply(suite, namespace.name(), &api, planted).await?;
    ended(&api, planted).await?;
    world.read_artifacts(&api.list(&Default::default()).await?.items).await?;
    outlets.push(outlets::logs(suite, namespace.name(), planted).await?);
    outlets.push(outlets::api(suite, namespace.name(), planted).await?);
    installation.misfortunes(async || refresh(suite, namespace.name(), planted).await).await?;
    outlets.push(outlets::logs(suite, namespace.name(), planted).await?);
    outlets.extend(outlets::objects(suite, namespace).await?);
    outlets.extend(installation.outlets(namespace.name()).await?);
    Ok(outlets)
}

async fn apply(suite: &Suite, namespace: &str, api: &Api<ExternalSource>, planted: &[Planted]) -> Result<()> {
    let secrets: Api<Secret> = Api::namespaced(suite.client().clone(), namespace);
    let params = PatchParams::apply("canaries");
    stream::iter(planted)
        .map(async |one| {
            secrets.patch(&one.name, &params, &Patch::Apply(one.draft.secret())).await?;
            api.patch(&one.name, &params, &Patch::Apply(one.draft.source())).await?;
            anyhow::Ok(())
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}

/// Waits until every source says how its pass ended.
async fn ended(api: &Api<ExternalSource>, planted: &[Planted]) -> Result<()> {
    let mut waiting: BTreeSet<_> = planted.iter().map(|one| one.name.clone()).collect();
    let passes = async {
        let seen = watcher(api.clone(), watcher::Config::default()).default_backoff().applied_objects();
        let mut seen = pin!(seen);
        while let Some(source) = seen.try_next().await? {
            if crate::sources::ready(&source).is_some_and(|ready| ready.status != "Unknown") {
                waiting.remove(&source.name_any());
            }
            if waiting.is_empty() {
                return Ok(());
            }
        }
        anyhow::bail!("the watch ended")
    };
    let passed = timeout(PASSES, passes).await;
    passed.unwrap_or_else(|_| anyhow::bail!("no pass ended of {waiting:?}"))
}

/// One more pass of a source that ends well otherwise, and of one with hooks.
async fn refresh(suite: &Suite, namespace: &str, planted: &[Planted]) -> Result<String> {
    let client = suite.client_without_retries().await?;
    let mut told = String::new();
    for name in ["header-succeeds", "hook-variable-succeeds"] {
        ensure!(planted.iter().any(|one| one.name == name), "there is no {name}");
        let path =
            format!("{}/namespaces/{namespace}/externalsources/{name}/refresh", crate::aggregated::GROUP);
        let answer = post(&client, &path, &[]).await?;
        told += std::str::from_utf8(answer.body())?;
    }
    Ok(told)
}

/// A canary that got nowhere would prove nothing.
fn arrived(world: &World, planted: &[Planted]) -> Result<()> {
    let seen = world.seen();
    for place in PLACES.iter().filter(|place| place.arrives) {
        let mut own = planted.iter().filter(|one| one.place.name == place.name);
        ensure!(own.any(|one| search::holds(&seen, &one.canary)), "no canary of {} came through", place.name);
    }
    Ok(())
}

fn judge(outlets: &[Outlet], planted: &[Planted], secrets: &[(String, String)]) -> Result<()> {
    let mut leaks = BTreeSet::new();
    for Outlet { name: outlet, text, control } in outlets {
        ensure!(text.contains(control), "{outlet} says nothing of {control}");
        let may_be_told = planted.iter().filter(|one| one.place.told_by.contains(outlet));
        let text = may_be_told.fold(text.clone(), |text, one| text.replace(&one.canary, ""));
        for (secret, value) in secrets {
            let hits = search::hits(&text, value).into_iter();
            leaks.extend(hits.map(|hit| format!("{secret} in {outlet}: …{hit}…")));
        }
    }
    ensure!(leaks.is_empty(), "{} leaks: {leaks:#?}", leaks.len());
    Ok(())
}

/// The one value at a pointer of an object, as text.
fn text<'a>(object: &'a serde_json::Value, pointer: &str) -> Result<&'a str> {
    object.pointer(pointer).and_then(|value| value.as_str()).context("a text")
}
