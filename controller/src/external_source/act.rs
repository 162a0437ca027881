//! Does what was decided: fetches, publishes, and puts away what nobody keeps.
use super::{
    ExternalSources, LastFetch, artifact, collect,
    decide::{Decision, Order, Step},
    failure, history,
    history::{Current, Keep},
    hook_tries, key,
    metrics::Why,
    pin::{self, Pin},
    publish::{self, Verdict, Wanted},
    tell,
};
use crate::reconcile::{Done, Failure, Note, Phase, Work, is_gone};
use artifacts::{
    Error, SourceKey,
    failpoint::{Step as Reached, reached},
    pipeline::{Fetched, Outcome, Record, Request, Validators},
    trace::told_to,
};
use crds::{
    ExternalArtifact, ExternalSource, ExternalSourceStatus,
    conditions::{self, FETCHING, PUBLISHED, READY, Said},
    external_source::Artifact,
    reasons,
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Preconditions},
    core::ObjectMeta,
};
use std::{
    mem,
    time::{Duration, Instant},
};
use tracing::warn;
use url::Url;

const NOT_INSTALLED: &str =
    "the CRD of Flux's ExternalArtifact is not installed; the artifact is stored and served all the same";

pub(super) async fn act(
    sources: &ExternalSources,
    mut work: Work<'_, ExternalSources>,
    decision: Decision,
) -> Result<Done, Failure> {
    work.notes.extend(sources.damages.notes(&key(&work.object.metadata)?));
    if let Some(request) = decision.followed {
        work.status.last_handled_artifact_reconcile_at = Some(request);
    }
    let outcome = match decision.step {
        Step::Rest { until, inputs } => {
            work.memory.own.inputs = Some(inputs);
            Ok(Done::Rested { until })
        }
        Step::Suspend { ignored } => Ok(suspend(&mut work, ignored)),
        Step::Fail(failure) => {
            // When it no longer is in the way, the source is fetched at once, though nothing that shapes its artifact changed.
            work.memory.own.inputs = None;
            Err(failure)
        }
        Step::Obey(pin) => obey(sources, &mut work, pin.as_ref()).await,
        Step::Recover { inputs, pin } => {
            work.memory.own.inputs = Some(inputs);
            tell_pin(&mut work, pin.as_ref(), false).map(|()| stored(&work, None))
        }
        Step::Fetch(mut order) => {
            let outcome = fetch(sources, &mut work, &mut order).await;
            let looked = outcome.is_ok();
            joined(outcome, tell_pin(&mut work, order.pin.as_ref(), looked))
        }
    };
    readdress(sources, &mut work)?;
    let published = publish(sources, &mut work, &outcome).await;
    let outcome = joined(outcome, published);
    let collected = collect::collect(sources, &mut work).await;
    joined(outcome, collected)
}

/// Another `--artifacts-url` moves what is published, without a new revision.
fn readdress(sources: &ExternalSources, work: &mut Work<'_, ExternalSources>) -> Result<(), Failure> {
    let source = key(&work.object.metadata)?;
    let ExternalSourceStatus { artifact, waiting_artifact, .. } = &mut *work.status;
    for artifact in artifact.iter_mut().chain(waiting_artifact) {
        if let Some(blob) = artifact::blob(artifact, &source) {
            artifact.path = blob.path();
            artifact.url = artifact::address(&sources.artifacts_url, &artifact.path);
        }
    }
    Ok(())
}

/// Publishes what is stored already. The pass that looks at the source follows at once, and has nothing to wait for.
async fn obey(
    sources: &ExternalSources,
    work: &mut Work<'_, ExternalSources>,
    pin: Option<&Pin>,
) -> Result<Done, Failure> {
    work.notes.extend(pin::obey(work.status, pin, &sources.artifacts_url));
    keep_history(sources, work).await?;
    tell_pin(work, pin, false)?;
    Ok(Done::Rested { until: Some(work.moment.now) })
}

fn tell_pin(work: &mut Work<'_, ExternalSources>, pin: Option<&Pin>, looked: bool) -> Result<(), Failure> {
    pin::tell(work.status, pin, looked, (work.object.metadata.generation, work.moment.now))
}

/// The first thing that went wrong is what people read; the log has the rest.
fn joined(outcome: Result<Done, Failure>, then: Result<(), Failure>) -> Result<Done, Failure> {
    match (outcome, then) {
        (outcome, Ok(())) => outcome,
        (Ok(_), Err(failure)) => Err(failure),
        (Err(first), Err(second)) => {
            if second != first {
                warn!(reason = second.reason, error = second.story(), "another step of the pass failed too");
            }
            Err(first)
        }
    }
}

fn suspend(work: &mut Work<'_, ExternalSources>, ignored: Option<String>) -> Done {
    if let Some(request) = ignored {
        work.memory.own.ignored_request = Some(request);
        let message = "reconciliation was requested, but spec.suspend is true";
        work.notes.push(Note::normal(reasons::REQUEST_IGNORED, message));
    }
    Done::Suspended
}

async fn fetch(
    sources: &ExternalSources,
    work: &mut Work<'_, ExternalSources>,
    order: &mut Order,
) -> Result<Done, Failure> {
    let host = work.object.spec.generator.host();
    work.memory.own.inputs = Some(order.inputs);
    if order.lost {
        sources.metrics.lost();
    }
    let source = key(&work.object.metadata)?;
    let lent = sources.tokens.lend(&mut order.plan, &source.namespace).await?;
    // What the pipeline stores is known to nobody else until the status names it.
    let was_tidied = mem::replace(&mut work.memory.own.tidied, false);
    let result = run(sources, work, order, &source).await;
    hook_tries::tell(work, &result, &order.left_out);
    let pause = match result {
        Ok(Outcome::NotModified { pause, validators }) => {
            tell::unchanged(&sources.logs, &source);
            if let Some(validators) = validators {
                recognize(work, validators);
            }
            pause
        }
        Ok(Outcome::Fetched(fetched)) => {
            adopt(work, &fetched, order.pin.as_ref(), (&sources.artifacts_url, &host));
            work.status.observed_inputs_digest = Some(order.inputs.to_string());
            if order.lost {
                let message = format!(
                    "the stored artifact was missing or damaged, and has been fetched again from {host}"
                );
                work.notes.push(Note::normal(reasons::ARTIFACT_RESTORED, message));
            }
            fetched.pause
        }
        Err(error) => {
            work.memory.own.tidied = was_tidied && !matches!(error, Error::Store(_));
            let mut failure = hook_tries::spend(work, &error, failure::from_pipeline(&error));
            if failure.reason == reasons::UNAUTHORIZED
                && let Some(lent) = &lent
            {
                failure = sources.tokens.refused(lent, failure);
            }
            return Err(worse_if_lost(failure, order));
        }
    };
    work.memory.own.tidied = was_tidied;
    keep_history(sources, work).await?;
    Ok(stored(work, pause))
}

/// Has the pipeline do its work.
async fn run(
    sources: &ExternalSources,
    work: &mut Work<'_, ExternalSources>,
    order: &Order,
    source: &SourceKey,
) -> Result<Outcome, Error> {
    let message = format!("fetching from {}", work.object.spec.generator.host());
    work.progress.enter(Phase { condition: FETCHING, message });
    let has_moved = work.status.observed_inputs_digest != Some(order.inputs.to_string());
    let request = Request {
        plan: &order.plan,
        source,
        validators: order.validators.as_ref(),
        stored: order.stored.as_ref(),
        record: Some(Record { started: work.moment.now, renews: has_moved }),
    };
    tell::begin(&sources.logs, source, work.object.metadata.generation);
    let started = Instant::now();
    let result = told_to(sources.logs.listener(source), sources.pipeline.run(request)).await;
    sources.metrics.fetched(&result, started.elapsed());
    let (at, failed, restores) = (work.moment.now, result.is_err(), order.lost);
    work.memory.own.fetch = Some(LastFetch { at, failed, restores });
    work.progress.leave();
    result
}

fn stored(work: &Work<'_, ExternalSources>, pause: Option<Duration>) -> Done {
    let host = work.object.spec.generator.host();
    let revision = pin::newest(work.status).map_or("", |artifact| &artifact.short_revision);
    let waits =
        if work.status.waiting_artifact.is_some() { ", which waits: spec.pin names another" } else { "" };
    Done::Ready { message: format!("stored revision {revision} from {host}{waits}"), pause }
}

/// From now on the newest artifact is known by these to its source.
fn recognize(work: &mut Work<'_, ExternalSources>, validators: Validators) {
    work.status.last_handled_etag = validators.etag;
    work.status.last_handled_last_modified = validators.last_modified;
}

/// Makes what was fetched the newest artifact, unless it is that already, and publishes it as far as the pin allows.
fn adopt(
    work: &mut Work<'_, ExternalSources>,
    fetched: &Fetched,
    pin: Option<&Pin>,
    (base, host): (&Url, &str),
) {
    recognize(work, fetched.validators.clone());
    let digest = fetched.blob.key.digest.to_string();
    if let Some(known) = pin::newest(work.status).filter(|newest| newest.digest == digest).cloned() {
        pin::place(work.status, known, pin);
        return;
    }
    let artifact = artifact::describe(fetched, base);
    let message = format!("stored revision {}, {} bytes, from {host}", artifact.revision, fetched.blob.size);
    let is_published = pin::place(work.status, artifact, pin);
    let reason = if is_published { reasons::NEW_ARTIFACT } else { reasons::REVISION_WAITS };
    work.notes.push(Note::normal(reason, message));
    if fetched.skipped_links > 0 {
        let message = format!("{} links in the archive from {host} were left out", fetched.skipped_links);
        work.notes.push(Note::warning(reasons::LINKS_SKIPPED, message));
    }
}

async fn keep_history(
    sources: &ExternalSources,
    work: &mut Work<'_, ExternalSources>,
) -> Result<(), Failure> {
    let Some(newest) = pin::newest(work.status) else { return Ok(()) };
    let current = Current { newest, published: work.status.artifact.as_ref().unwrap_or(newest) };
    let keep = Keep::new(&work.object.spec);
    let history = history::trimmed(&work.status.history, current, keep, work.moment.now);
    if history != work.status.history {
        let source = key(&work.object.metadata)?;
        collect::retire(sources, &source, history::retired(&work.status.history, &history)).await;
        reached(Reached::Retired);
        work.status.history = history;
    }
    Ok(())
}

/// That nothing is served meanwhile belongs into the message.
fn worse_if_lost(failure: Failure, order: &Order) -> Failure {
    if !order.lost {
        return failure;
    }
    let message =
        format!("{}; the stored artifact is missing or damaged and cannot be served", failure.message);
    Failure { message, ..failure }
}

/// Publishes the artifact, if there is one and Flux is there to see it.
async fn publish(
    sources: &ExternalSources,
    work: &mut Work<'_, ExternalSources>,
    outcome: &Result<Done, Failure>,
) -> Result<(), Failure> {
    // The status of an object may be older than this program, and speak of an artifact that was never stored here.
    let stored = |artifact: &&Artifact| artifact::stored(artifact).is_some();
    let Some(artifact) = work.status.artifact.as_ref().filter(stored) else { return Ok(()) };
    let verdict = verdict(outcome, work.status);
    let wanted = Wanted { source: work.object, artifact, verdict, now: work.moment.now };
    let before = sources.flux.find(work.object).and_then(|found| found.revision());
    if sources.flux.is_installed() && publish::publish(sources, &wanted).await? {
        reached(Reached::Published);
        conditions::remove(&mut work.status.conditions, PUBLISHED);
        if before.as_ref() != Some(&artifact.revision) {
            tell::published(&sources.logs, &key(&work.object.metadata)?, &artifact.revision);
        }
        return Ok(());
    }
    let message = NOT_INSTALLED.to_owned();
    let said = Said { type_: PUBLISHED, status: false, reason: reasons::FLUX_NOT_INSTALLED, message };
    conditions::set(&mut work.status.conditions, said, work.object.metadata.generation, work.moment.now);
    Ok(())
}

/// What this pass has found out, or what the last one did.
fn verdict<'a>(outcome: &'a Result<Done, Failure>, status: &'a ExternalSourceStatus) -> Verdict<'a> {
    match outcome {
        Ok(Done::Ready { message, .. }) => Verdict { ready: true, reason: reasons::SUCCEEDED, message },
        Err(failure) => Verdict { ready: false, reason: failure.reason, message: &failure.message },
        Ok(Done::Rested { .. } | Done::Suspended) => match conditions::find(&status.conditions, READY) {
            Some(ready) => {
                Verdict { ready: ready.status == "True", reason: &ready.reason, message: &ready.message }
            }
            None => Verdict { ready: true, reason: reasons::SUCCEEDED, message: "stored" },
        },
    }
}

/// Takes back all that lies outside the object: what is published first, so that nothing leads to a removed blob.
pub(super) async fn clean_up(sources: &ExternalSources, meta: &ObjectMeta) -> Result<(), Failure> {
    let source = key(meta)?;
    sources.secrets.follow(&source.namespace, &source.name, &Default::default());
    if sources.flux.is_installed() {
        unpublish(sources, meta).await?;
    }
    let store = sources.pipeline.store();
    store.forget(&source).await.map_err(|error| failure::from_store(&error))?;
    for blob in store.list(Some(&source)).await.map_err(|error| failure::from_store(&error))? {
        store.remove(&blob.key).await.map_err(|error| failure::from_store(&error))?;
        sources.metrics.collected(Why::Deleted);
    }
    Ok(())
}

async fn unpublish(sources: &ExternalSources, meta: &ObjectMeta) -> Result<(), Failure> {
    let mut source = ExternalSource::new(meta.name.as_deref().unwrap_or_default(), Default::default());
    source.metadata = meta.clone();
    let Some(found) = sources.flux.find(&source).filter(|found| found.taken_from(&source).is_none()) else {
        return Ok(());
    };
    let api: Api<ExternalArtifact> =
        Api::namespaced(sources.client.clone(), &source.namespace().unwrap_or_default());
    let only_this = Preconditions { uid: found.0.uid(), resource_version: None };
    match api.delete(&source.name_any(), &DeleteParams::default().preconditions(only_this)).await {
        Err(error) if !is_gone(&error) => {
            Err(Failure::kubernetes(format_args!("delete ExternalArtifact {}", source.name_any()), &error))
        }
        _ => Ok(()),
    }
}
