//! One pass over one object, from waking up to going back to sleep.
use super::{
    Done, Failure, Kind, Memory, Next, Note, Outcome, Retry, Status, StatusOf,
    events::Topic,
    memory::{Entry, Key},
    poisoned,
    queue::{Guarded, Shared, reference},
    report::{Report, Subject, report},
    schedule::Rhythm,
    toolkit::State,
    write,
};
use crate::moment::Moment;
use artifacts::failpoint::{Step, reached};
use crds::{
    annotations::REQUESTED_AT,
    conditions::{self, READY},
    reasons,
};
use kube::{
    Resource, ResourceExt,
    core::{ObjectMeta, object::HasStatus},
    runtime::controller::Action,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tracing::{debug, info, instrument, warn};

mod attempt;
mod readable;

pub(crate) use attempt::{Phase, Work};
use readable::Readable;

/// What cannot be written is tried again after this.
const AFTER_FAILED_WRITE: Duration = Duration::from_secs(3);

/// Runs one pass, and says when the next one may be due.
#[instrument(name = "reconcile", skip_all, fields(
    kind = K::NAME, namespace = watched.namespace(), name = watched.name_any(),
    generation = watched.meta().generation,
))]
pub(super) async fn run<K: Kind>(shared: Arc<Shared<K>>, watched: Arc<Guarded<K>>) -> Action {
    let _running = shared.metrics.begin(K::NAME);
    if watched.meta().deletion_timestamp.is_some() {
        return finish(&shared, watched).await;
    }
    if let Err(invalid) = &watched.0 {
        poisoned::report::<K>(&shared.client, invalid, Moment::now()).await;
        shared.metrics.end(K::NAME, Outcome::Failed, reasons::INVALID_SPEC, Duration::ZERO);
    }
    match Readable::of(watched) {
        Some(object) => reconcile(&shared, object).await,
        None => Action::await_change(),
    }
}

async fn reconcile<K: Kind>(shared: &Arc<Shared<K>>, watched: Readable<K>) -> Action {
    let started = Instant::now();
    if shared.departed.returned(&key(watched.meta())) {
        shared.forget(&key(watched.meta()));
    }
    let newest = shared.newest.of(&reference::<K>(&watched), started).and_then(Readable::of);
    let object = match with_finalizer(shared, newest.unwrap_or(watched)).await {
        Ok(object) => object,
        Err(error) => return unwritten(&error),
    };
    let mut entry = shared.memories.take(&key(object.meta()), &object.uid().unwrap_or_default());
    let unsaved = entry.draft.take();
    let mut draft = unsaved.as_deref().or_else(|| object.status()).cloned().unwrap_or_default();

    let Some(ended) = attempt::run(shared, &object, &mut draft, &mut entry.memory).await else {
        debug!("given up, since the object has changed");
        shared.memories.put(key(object.meta()), Entry { draft: unsaved, ..entry });
        return Action::requeue(Duration::ZERO);
    };
    if shared.has_left(&object) {
        debug!("not reported, since another controller works on the object now");
        shared.forget(&key(object.meta()));
        return Action::await_change();
    }
    if is_sudden(&ended) && write::is_leaving(&shared.client, &key(object.meta()).0).await {
        debug!("not reported, since the namespace goes");
        shared.memories.put(key(object.meta()), Entry { draft: unsaved, ..entry });
        return Action::requeue(shared.kind.interval(&object));
    }
    count(shared, &ended.outcome, started);
    settle(shared, ended, (draft, entry), started).await
}

/// A pass that has ended.
struct Ended<K: Kind> {
    /// The object that the steps saw: what came of them answers for this one, and for no request or generation after it.
    seen: Readable<K>,
    /// The object as it was last written, which is later if the status said meanwhile that work goes on.
    object: Readable<K>,
    outcome: Result<Done, Failure>,
    /// What the steps want people to hear of.
    notes: Vec<Note>,
    /// The status says that work goes on; that must be taken back.
    told: bool,
}

/// Whether a pass failed and the one before it did not.
fn is_sudden<K: Kind>(ended: &Ended<K>) -> bool {
    let before = ended.object.status().and_then(|status| conditions::find(status.conditions(), READY));
    ended.outcome.is_err() && before.is_none_or(|ready| ready.status == "True")
}

/// Reports how a pass ended, and remembers what the next one needs.
async fn settle<K: Kind>(
    shared: &Shared<K>,
    ended: Ended<K>,
    (mut draft, mut entry): (StatusOf<K>, Entry<K::Memory, StatusOf<K>>),
    started: Instant,
) -> Action {
    let Ended { seen, object, outcome, mut notes, told } = ended;
    let interval = shared.kind.interval(&seen);
    let requested = seen.annotations().get(REQUESTED_AT).map(String::as_str);
    let calendar = shared.kind.calendar(&seen, &entry.memory, outcome.is_err());
    let rhythm = Rhythm { interval, calendar: calendar.as_ref() };
    let subject = Subject { generation: seen.meta().generation, requested, rhythm };
    let Report { insist, note } = report(&outcome, subject, (&mut draft, &mut entry.memory), Moment::now());
    // That it works again goes without saying where the kind tells more.
    notes.extend(note.filter(|note| note.warning || notes.is_empty()));
    log(&outcome, !notes.is_empty());
    shared.kind.ended(object.meta(), &outcome, entry.memory.next);
    let ready = conditions::find(draft.conditions(), READY).map(|ready| ready.status == "True");
    let state = State { ready, suspended: matches!(outcome, Ok(Done::Suspended)) };
    shared.teller.tell(&key(object.meta()), state, started.elapsed());

    let none = StatusOf::<K>::default();
    let before = object.status().unwrap_or(&none);
    let mut wake = next(&entry.memory, interval, Moment::now());
    if told || draft.differs_from(before) || (insist && draft != *before) {
        match write::status::<K>(&shared.client, &object, &draft).await {
            Ok(written) => {
                reached(Step::Told);
                shared.metrics.wrote(K::NAME);
                shared.newest.wrote(written, Instant::now());
            }
            Err(error) => {
                wake = unwritten(&error);
                entry.draft = Some(Box::new(draft));
            }
        }
    } else {
        entry.draft = (draft != *before).then(|| Box::new(draft));
    }
    shared.memories.put(key(object.meta()), entry);
    let related = shared.kind.related(&object);
    let topic = Topic { object: object.object_ref(&()), annotations: object.annotations(), related };
    shared.publisher.publish(&topic, notes).await;
    wake
}

/// Undoes what lies outside the object, then lets it go. An object that does not decode can be deleted like any other.
async fn finish<K: Kind>(shared: &Arc<Shared<K>>, watched: Arc<Guarded<K>>) -> Action {
    let meta = watched.meta();
    if !watched.finalizers().iter().any(|name| name == K::FINALIZER) {
        shared.forget(&key(meta));
        return Action::await_change();
    }
    let Err(failure) = shared.kind.clean_up(meta).await else {
        if let Err(error) = write::remove_finalizer::<K>(&shared.client, meta).await {
            return unwritten(&error);
        }
        info!("cleaned up; the object may go");
        shared.forget(&key(meta));
        return Action::await_change();
    };
    let Some(object) = Readable::<K>::of(watched) else {
        warn!(error = %failure.story(), "could not clean up");
        return Action::requeue(AFTER_FAILED_WRITE);
    };
    let entry = shared.memories.take(&key(object.meta()), &object.uid().unwrap_or_default());
    let draft = object.status().cloned().unwrap_or_default();
    let (seen, notes) = (object.clone(), Vec::new());
    let ended = Ended { seen, object, outcome: Err(failure), notes, told: false };
    settle(shared, ended, (draft, entry), Instant::now()).await
}

async fn with_finalizer<K: Kind>(
    shared: &Shared<K>,
    object: Readable<K>,
) -> Result<Readable<K>, kube::Error> {
    if object.finalizers().iter().any(|name| name == K::FINALIZER) {
        return Ok(object);
    }
    let written = write::add_finalizer::<K>(&shared.client, object.meta()).await?;
    shared.newest.wrote(written.clone(), Instant::now());
    Ok(Readable::written(written))
}

/// When to wake up if nothing changes. A safety net for what waits for a change: looking again costs a read or two. A chore that was
/// due and a failed pass did not come to waits for the next one: it would wake the object again and again.
fn next<M>(memory: &Memory<M>, interval: Duration, moment: Moment) -> Action {
    let due = match memory.next {
        Next::At(time) => moment.until(time),
        Next::Unknown | Next::OnChange => interval,
    };
    let chore = memory.chore.filter(|chore| !memory.failed || *chore > moment.now);
    Action::requeue(chore.map_or(due, |chore| due.min(moment.until(chore))))
}

fn unwritten(error: &kube::Error) -> Action {
    if write::is_gone(error) {
        return Action::await_change();
    }
    if !write::is_conflict(error) {
        warn!(error = %telemetry::Chain(error), "could not write to the object");
    }
    Action::requeue(AFTER_FAILED_WRITE)
}

fn log(outcome: &Result<Done, Failure>, news: bool) {
    match outcome {
        Ok(Done::Ready { .. }) if news => info!(reason = reasons::SUCCEEDED, "reconciled"),
        Ok(done) => debug!(?done, "reconciled"),
        Err(failure) if news => {
            warn!(reason = failure.reason, error = %failure.story(), "the pass failed");
        }
        Err(failure) => {
            debug!(reason = failure.reason, error = %failure.story(), "the pass failed again");
        }
    }
}

fn count<K: Kind>(shared: &Shared<K>, outcome: &Result<Done, Failure>, started: Instant) {
    let (outcome, reason) = match outcome {
        Ok(Done::Ready { .. }) => (Outcome::Succeeded, reasons::SUCCEEDED),
        Ok(Done::Suspended) => (Outcome::Suspended, reasons::SUSPENDED),
        Ok(Done::Rested { .. }) => (Outcome::Rested, ""),
        Err(failure) => (Outcome::Failed, failure.reason),
    };
    shared.metrics.end(K::NAME, outcome, reason, started.elapsed());
}

fn key(meta: &ObjectMeta) -> Key {
    (meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chore_wakes_an_object_and_a_failure_is_waited_for() {
        let moment = Moment { now: jiff::Timestamp::UNIX_EPOCH, random: 0.5 };
        let (soon, later) = (Duration::from_secs(2), Duration::from_secs(300));
        let wake = |failed, chore| {
            let memory =
                Memory::<()> { next: Next::At(moment.after(later)), failed, chore, ..Memory::default() };
            next(&memory, later, moment)
        };
        for failed in [false, true] {
            assert_eq!(wake(failed, None), Action::requeue(later));
            assert_eq!(wake(failed, Some(moment.after(soon))), Action::requeue(soon));
        }
        assert_eq!(wake(false, Some(moment.now)), Action::requeue(Duration::ZERO));
        assert_eq!(
            wake(true, Some(moment.now)),
            Action::requeue(later),
            "a store that fails is not asked at once"
        );
    }
}
