//! The three steps, watched: a panic becomes a failure, a long phase is told, and work for yesterday's spec is dropped.
use super::{super::report::said, Ended, *};
use crds::conditions::{self, RECONCILING};
use futures::FutureExt;
use std::{
    any::Any,
    borrow::Cow,
    panic::AssertUnwindSafe,
    sync::{Mutex, PoisonError},
};
use tokio::time::{MissedTickBehavior, interval_at};
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument, error};
use uuid::Uuid;

/// Phases shorter than this are not told. The watcher looks as often.
const TELLING: Duration = Duration::from_secs(1);

/// What `act` works on.
pub(crate) struct Work<'a, K: Kind> {
    /// The object, with the status that the last pass left, written or not.
    pub object: &'a K::Object,
    /// Its status. What is changed here is written, whatever becomes of the pass; conditions are the loop's.
    pub status: &'a mut StatusOf<K>,
    /// What is remembered of it.
    pub memory: &'a mut Memory<K::Memory>,
    /// What people should hear of, however the pass ends.
    pub notes: &'a mut Vec<Note>,
    /// Where to say what goes on.
    pub progress: &'a Progress,
    /// The moment of the decision.
    pub moment: Moment,
}

/// What goes on in a pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Phase {
    /// The condition that is True meanwhile; one of [`crds::conditions::PHASES`].
    pub condition: &'static str,
    /// In words.
    pub message: String,
}

/// Where a step says what goes on.
#[derive(Debug, Default)]
pub(crate) struct Progress(Mutex<Option<(Phase, Option<Instant>)>>);

impl Progress {
    /// A phase begins.
    pub(crate) fn enter(&self, phase: Phase) {
        *self.lock() = Some((phase, Some(Instant::now())));
    }

    /// The phase is over.
    pub(crate) fn leave(&self) {
        *self.lock() = None;
    }

    /// The phase, if it has gone on for longer than a second and was not told before.
    fn worth_telling(&self) -> Option<Phase> {
        let mut current = self.lock();
        let (phase, since) = current.as_mut()?;
        since.take_if(|since| since.elapsed() >= TELLING).map(|_| phase.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<(Phase, Option<Instant>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs the steps. `None`: the object has changed meanwhile, so whatever came out would be for the wrong spec.
pub(super) async fn run<K: Kind>(
    shared: &Arc<Shared<K>>,
    object: &Readable<K>,
    draft: &mut StatusOf<K>,
    memory: &mut Memory<K::Memory>,
) -> Option<Ended<K>> {
    let progress = Progress::default();
    let mut notes = Vec::new();
    let mut teller: Option<AbortOnDropHandle<Option<K::Object>>> = None;
    let view = with_status::<K>(object, draft);
    let moment = Moment::now();
    let work = Work { object: &*view, status: draft, memory, notes: &mut notes, progress: &progress, moment };
    let mut steps = Box::pin(AssertUnwindSafe(steps(&shared.kind, work)).catch_unwind());
    let mut ticks = interval_at(tokio::time::Instant::now() + TELLING, TELLING);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let outcome = loop {
        tokio::select! {
            outcome = &mut steps => break outcome,
            _ = ticks.tick() => {}
        }
        if shared.has_moved_on(object) {
            return None;
        }
        if let Some(phase) = progress.worth_telling().filter(|_| teller.is_none()) {
            let telling = tell(shared.clone(), object.clone(), phase).in_current_span();
            teller = Some(AbortOnDropHandle::new(tokio::spawn(telling)));
        }
    };
    drop(steps);
    let outcome = outcome.unwrap_or_else(|panic| Err(bug(object.meta(), &*panic)));
    // Told before the outcome is: the other way round the object would say for ever that work goes on.
    let (told, seen) = (teller.is_some(), object.clone());
    let written = match teller {
        Some(teller) => teller.await.ok().flatten(),
        None => None,
    };
    let object = written.map_or_else(|| object.clone(), Readable::written);
    Some(Ended { object, seen, outcome, notes, told })
}

/// The object with the status that the last pass left: a copy only where that could not be written, or need not be yet.
fn with_status<'a, K: Kind>(object: &'a K::Object, status: &StatusOf<K>) -> Cow<'a, K::Object> {
    if object.status() == Some(status) {
        return Cow::Borrowed(object);
    }
    let mut view = object.clone();
    *view.status_mut() = Some(status.clone());
    Cow::Owned(view)
}

async fn steps<K: Kind>(kind: &K, work: Work<'_, K>) -> Result<Done, Failure> {
    let seen = kind.observe(work.object, work.memory).await?;
    let decision = kind.decide(work.object, seen, work.memory, work.moment);
    kind.act(work, decision).await
}

/// Says that work goes on.
async fn tell<K: Kind>(shared: Arc<Shared<K>>, object: Readable<K>, phase: Phase) -> Option<K::Object> {
    let mut status = object.status().cloned().unwrap_or_default();
    let Phase { condition, message } = phase;
    for type_ in [RECONCILING, condition] {
        let said = said(type_, true, reasons::PROGRESSING, &message);
        conditions::set(status.common().conditions, said, object.meta().generation, Moment::now().now);
    }
    match write::status::<K>(&shared.client, &object, &status).await {
        Ok(written) => {
            shared.metrics.wrote(K::NAME);
            shared.newest.wrote(written.clone(), Instant::now());
            Some(written)
        }
        Err(error) => {
            debug!(error = %telemetry::Chain(&error), "could not say that work goes on");
            None
        }
    }
}

/// A panic is a failure of the object that it happened on. The same panic gets the same name, so that nothing is
/// written to say it again.
fn bug(meta: &ObjectMeta, panic: &(dyn Any + Send)) -> Failure {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("unknown");
    let seed = format!("{}/{text}", meta.uid.as_deref().unwrap_or_default());
    let report = Uuid::new_v5(&Uuid::NAMESPACE_OID, seed.as_bytes()).simple().to_string();
    error!(error = text, report, "a bug ended a pass");
    Failure {
        reason: reasons::INTERNAL_ERROR,
        message: format!("a bug of Postern ended this pass; its log tells more under report {report}"),
        retry: Retry::Soon,
        retry_after: None,
        detail: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_failure_that_is_told_in_the_same_words_each_time() {
        let meta = ObjectMeta { uid: Some("u".into()), ..ObjectMeta::default() };
        let first = bug(&meta, &"index out of bounds");
        assert_eq!((first.reason, first.retry), ("InternalError", Retry::Soon));
        assert!(!first.message.contains("index"), "what a panic says may hold anything");
        assert_eq!(first.message, bug(&meta, &String::from("index out of bounds")).message);
        assert_ne!(first.message, bug(&meta, &"another").message);
    }

    #[test]
    fn a_phase_is_told_once_and_not_before_it_is_a_second_old() {
        let progress = Progress::default();
        assert_eq!(progress.worth_telling(), None);
        let phase = Phase { condition: crds::conditions::FETCHING, message: "fetching".into() };
        progress.enter(phase.clone());
        assert_eq!(progress.worth_telling(), None);
        progress.lock().as_mut().unwrap().1 = Instant::now().checked_sub(TELLING);
        assert_eq!(progress.worth_telling(), Some(phase));
        assert_eq!(progress.worth_telling(), None);
    }
}
