//! A pass that somebody waits for.
use crate::{
    aggregated::post,
    archive,
    scene::Scene,
    sources::{PATIENCE, revision},
    upstream::Answer,
};
use anyhow::{Context, Result};
use crds::{
    ExternalSource,
    annotations::REQUESTED_AT,
    conditions::{self, FETCHING, READY},
};
use http::StatusCode;
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::Semaphore,
    time::{sleep, timeout},
};

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(50);

fn changed() -> Answer {
    Answer::data(archive::tar(&[("a.yaml", "a: 2\n")]))
}

fn requested(source: &ExternalSource) -> Option<&str> {
    source.metadata.annotations.as_ref()?.get(REQUESTED_AT).map(String::as_str)
}

#[tokio::test]
async fn a_refresh_ends_when_the_new_revision_is_published() -> Result<()> {
    let scene = Scene::with_files().await?;
    scene.upstream.answer(changed());
    let (code, refresh) = scene.refresh("").await?;
    let source = scene.sources.get("one").await?;
    assert_eq!(code, StatusCode::CREATED, "{refresh}");
    assert_eq!((&refresh["kind"], &refresh["metadata"]["name"]), (&"Refresh".into(), &"one".into()));
    assert_eq!((&refresh["ready"], &refresh["changed"]), (&"True".into(), &true.into()), "{refresh}");
    assert_eq!(refresh["revision"].as_str(), revision(&source).as_deref());
    let handled = source.status.as_ref().and_then(|status| status.last_handled_reconcile_at.clone());
    assert_eq!(refresh["requestedAt"].as_str(), handled.as_deref());
    assert_eq!(requested(&source), handled.as_deref());

    let again = ["create", "--raw", &scene.path("externalsources/one/refresh"), "--filename", "-"];
    let again = scene.suite.kubectl().run_with_input(&again, "{}").await?;
    let again: Value = serde_json::from_str(&again)?;
    assert_eq!((&again["ready"], &again["changed"]), (&"True".into(), &false.into()), "{again}");
    assert_ne!(again["requestedAt"], refresh["requestedAt"], "what was asked before has been answered");
    Ok(())
}

#[tokio::test]
async fn a_pass_that_fails_is_an_outcome_as_well() -> Result<()> {
    let scene = Scene::with_files().await?;
    scene.upstream.answer(Answer::status(StatusCode::NOT_FOUND));
    let (code, refresh) = scene.refresh("").await?;
    assert_eq!(code, StatusCode::CREATED, "{refresh}");
    assert_eq!((&refresh["ready"], &refresh["reason"]), (&"False".into(), &"NotFound".into()), "{refresh}");
    assert_eq!(refresh["changed"], false);
    Ok(())
}

#[tokio::test]
async fn all_who_ask_while_a_pass_goes_on_wait_for_that_one() -> Result<()> {
    let scene = Scene::with_files().await?;
    let before = scene.upstream.asked().len();
    let gate = Arc::new(Semaphore::new(0));
    scene.upstream.answer(changed().behind(&gate));
    let first = async {
        let outcome = scene.refresh("").await;
        assert!(gate.is_closed(), "it must not end before its pass does");
        outcome
    };
    let others = async {
        let begun = async {
            while scene.upstream.asked().len() == before {
                sleep(PAUSE).await;
            }
        };
        timeout(PATIENCE, begun).await.context("no pass began")?;
        let token = requested(&scene.sources.get("one").await?).map(str::to_owned);
        let refused = futures::future::try_join_all((0..9).map(|_| scene.refresh("?timeout=4s"))).await?;
        for (code, status) in refused {
            assert_eq!(code, StatusCode::GATEWAY_TIMEOUT, "{status}");
            assert!(status["message"].as_str().is_some_and(|said| said.contains("it goes on")), "{status}");
        }
        assert_eq!(requested(&scene.sources.get("one").await?), token.as_deref(), "nobody asked again");
        gate.close();
        anyhow::Ok(token)
    };
    let ((code, refresh), token) = futures::try_join!(first, others)?;
    assert_eq!((code, &refresh["changed"]), (StatusCode::CREATED, &true.into()), "{refresh}");
    assert_eq!(refresh["requestedAt"].as_str(), token.as_deref());
    assert_eq!(scene.upstream.asked().len(), before + 1, "one pass for all");
    Ok(())
}

#[tokio::test]
async fn a_request_that_was_there_is_waited_for_and_not_replaced() -> Result<()> {
    let scene = Scene::with_files().await?;
    let gate = Arc::new(Semaphore::new(0));
    scene.upstream.answer(changed().behind(&gate));
    let annotation = format!("{REQUESTED_AT}=by-hand");
    scene.namespace.kubectl(&["annotate", "externalsource", "one", &annotation]).await?;
    let (code, _) = scene.refresh("?timeout=3s").await?;
    assert_eq!(code, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(requested(&scene.sources.get("one").await?), Some("by-hand"));
    gate.close();
    let (code, refresh) = scene.refresh("").await?;
    assert_eq!(code, StatusCode::CREATED, "{refresh}");
    let source = scene.sources.get("one").await?;
    assert_eq!(refresh["requestedAt"].as_str(), requested(&source));
    Ok(())
}

/// A pass answers for the requests that it has seen, though the object was written meanwhile to say that it goes on.
#[tokio::test]
async fn a_request_during_a_pass_is_answered_by_the_next_one() -> Result<()> {
    let scene = Scene::with_files().await?;
    let before = scene.upstream.asked().len();
    let gate = Arc::new(Semaphore::new(0));
    let annotate = async |token: &str| {
        let annotation = format!("{REQUESTED_AT}={token}");
        scene.namespace.kubectl(&["annotate", "--overwrite", "externalsource", "one", &annotation]).await
    };
    let passes = async |reached: &dyn Fn(&ExternalSource) -> bool| {
        let reached = async {
            while !reached(&scene.sources.get("one").await?) {
                sleep(PAUSE).await;
            }
            anyhow::Ok(())
        };
        timeout(PATIENCE, reached).await.context("it takes too long")?
    };
    scene.upstream.answer(Answer::status(StatusCode::NOT_FOUND).behind(&gate));
    annotate("first").await?;
    passes(&|_| scene.upstream.asked().len() > before).await?;
    scene.upstream.answer(changed());
    annotate("second").await?;
    passes(&|source| {
        source.status.as_ref().is_some_and(|status| conditions::find(&status.conditions, FETCHING).is_some())
    })
    .await?;
    gate.close();
    let handled = |source: &ExternalSource| source.status.as_ref()?.last_handled_reconcile_at.clone();
    passes(&|source| handled(source).as_deref() == Some("second")).await?;
    assert_eq!(scene.upstream.asked().len(), before + 2, "the second request has a pass of its own");
    let ready = scene.sources.get("one").await?.status.context("a status")?.conditions;
    assert_eq!(conditions::find(&ready, READY).map(|ready| &*ready.status), Some("True"), "of what it found");
    Ok(())
}

#[tokio::test]
async fn a_suspended_source_is_refused_at_once_and_not_marked() -> Result<()> {
    let scene = Scene::with_files().await?;
    let suspend =
        ["patch", "externalsource", "one", "--type=merge", "--patch", r#"{"spec":{"suspend":true}}"#];
    scene.namespace.kubectl(&suspend).await?;
    let (code, status) = scene.refresh("").await?;
    assert_eq!((code, &status["reason"]), (StatusCode::CONFLICT, &"Conflict".into()), "{status}");
    assert!(status["message"].as_str().is_some_and(|said| said.contains("spec.suspend")), "{status}");
    assert_eq!(requested(&scene.sources.get("one").await?), None);

    let path = scene.path("externalsources/none/refresh");
    assert_eq!(post(scene.suite.client(), &path, &[]).await?.status(), StatusCode::NOT_FOUND);
    Ok(())
}

#[tokio::test]
async fn a_dry_run_asks_for_nothing() -> Result<()> {
    let scene = Scene::with_files().await?;
    let (code, refresh) = scene.refresh("?dryRun=All").await?;
    assert_eq!((code, &refresh["changed"]), (StatusCode::CREATED, &false.into()), "{refresh}");
    assert_eq!(requested(&scene.sources.get("one").await?), None);
    Ok(())
}

#[tokio::test]
async fn who_may_see_a_source_may_not_refresh_it() -> Result<()> {
    let scene = Scene::with_files().await?;
    let path = scene.path("externalsources/one/refresh");
    for (user, role, code) in [
        ("viewer", "postern-view", StatusCode::FORBIDDEN),
        ("reader", "postern-content-reader", StatusCode::FORBIDDEN),
        ("keeper", "postern-admin", StatusCode::CREATED),
    ] {
        super::access::with_role(&scene, user, role).await?;
        let answer = post(scene.suite.client(), &path, &[("Impersonate-User", user)]).await?;
        assert_eq!(answer.status(), code, "{role}");
    }
    Ok(())
}
