//! From the outcome of a pass to what the status and the events say. Pure.
use super::{
    Common, Done, Failure, Memory, Next, Note, Retry, Status,
    schedule::{self, Rhythm},
};
use crate::moment::Moment;
use crds::{
    conditions::{self, READY, RECONCILING, STALLED, Said, whole_seconds},
    reasons,
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

/// What is said while a failure is waited out. The same words each time: nothing is written to say it again.
const RETRYING: &str = "the last pass failed; it will be tried again";

/// What the report is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    /// The generation that the pass worked on.
    pub generation: Option<i64>,
    /// The value of `requestedAt` at its start.
    pub requested: Option<&'a str>,
    /// How often there is something to do, and when.
    pub rhythm: Rhythm<'a>,
}

/// What follows from a pass, besides the status.
#[derive(Debug, PartialEq)]
pub(crate) struct Report {
    /// Write the status even if only the quiet fields changed.
    pub insist: bool,
    /// What people should hear of, besides what the kind tells.
    pub note: Option<Note>,
}

/// Says in `status` and in `memory` how the pass ended.
pub(crate) fn report<S: Status, M>(
    outcome: &Result<Done, Failure>,
    subject: Subject<'_>,
    (status, memory): (&mut S, &mut Memory<M>),
    moment: Moment,
) -> Report {
    let before = conditions::find(status.conditions(), READY).cloned();
    if memory.next == Next::Unknown {
        recall(before.as_ref(), &status.common(), memory);
    }
    let report = match outcome {
        Ok(Done::Rested { until }) => return rested(subject, memory, *until),
        Ok(Done::Suspended) => return suspended(subject, &mut status.common(), memory, moment),
        Ok(Done::Ready { message, pause }) => {
            succeed(subject, &mut status.common(), message, moment);
            memory.next = Next::At(schedule::after_success(subject.rhythm, *pause, moment));
            (memory.failed, memory.failures) = (false, 0);
            let insist = schedule::is_special(*pause, subject.rhythm.interval);
            Report { insist, note: recovery(before.as_ref(), message) }
        }
        Err(failure) => {
            fail(subject, &mut status.common(), failure, moment);
            count(memory, failure, subject.rhythm, moment);
            let asked = schedule::is_special(failure.retry_after, subject.rhythm.interval);
            let backing_off = failure.retry == Retry::Soon && memory.failures <= schedule::ATTEMPTS;
            Report { insist: asked || backing_off, note: alarm(before.as_ref(), failure) }
        }
    };
    memory.generation = subject.generation;
    note_attempt(&mut status.common(), subject, memory);
    Report { insist: report.insist || waits_for_a_moment(subject.rhythm, memory.next, moment), ..report }
}

/// Whether the next pass is due at a moment of the calendar: people look forward to that.
fn waits_for_a_moment(rhythm: Rhythm<'_>, next: Next, moment: Moment) -> bool {
    rhythm.calendar.is_some_and(|calendar| next == Next::At(calendar.next(moment.now)))
}

/// What the process before this one has left in the status.
fn recall<M>(ready: Option<&Condition>, common: &Common<'_>, memory: &mut Memory<M>) {
    memory.failed = ready.is_none_or(|ready| ready.status != "True");
    memory.failures = common.failures.unwrap_or(0);
}

fn rested<M>(subject: Subject<'_>, memory: &mut Memory<M>, until: Option<Timestamp>) -> Report {
    memory.next = until.map_or(Next::OnChange, Next::At);
    memory.generation = subject.generation;
    Report { insist: false, note: None }
}

/// Ready keeps its value, and speaks of the generation that asks to do nothing.
fn suspended<M>(
    subject: Subject<'_>,
    common: &mut Common<'_>,
    memory: &mut Memory<M>,
    moment: Moment,
) -> Report {
    leave_phases(common.conditions);
    conditions::remove(common.conditions, RECONCILING);
    match common.conditions.iter_mut().find(|condition| condition.type_ == READY) {
        Some(ready) => ready.observed_generation = subject.generation,
        None => {
            let message = "suspended before anything was done";
            let said = said(READY, false, reasons::SUSPENDED, message);
            conditions::set(common.conditions, said, subject.generation, moment.now);
        }
    }
    *common.observed_generation = subject.generation;
    *common.next = None;
    memory.next = Next::OnChange;
    memory.generation = subject.generation;
    Report { insist: false, note: None }
}

fn succeed(subject: Subject<'_>, common: &mut Common<'_>, message: &str, moment: Moment) {
    leave_phases(common.conditions);
    conditions::remove(common.conditions, RECONCILING);
    conditions::remove(common.conditions, STALLED);
    let said = said(READY, true, reasons::SUCCEEDED, message);
    conditions::set(common.conditions, said, subject.generation, moment.now);
}

fn fail(subject: Subject<'_>, common: &mut Common<'_>, failure: &Failure, moment: Moment) {
    let Failure { reason, message, retry, .. } = failure;
    let more = if *retry == Retry::OnChange {
        conditions::remove(common.conditions, RECONCILING);
        said(STALLED, true, reason, message)
    } else {
        conditions::remove(common.conditions, STALLED);
        said(RECONCILING, true, reasons::PROGRESSING_WITH_RETRY, RETRYING)
    };
    leave_phases(common.conditions);
    for said in [said(READY, false, reason, message), more] {
        conditions::set(common.conditions, said, subject.generation, moment.now);
    }
}

fn count<M>(memory: &mut Memory<M>, failure: &Failure, rhythm: Rhythm<'_>, moment: Moment) {
    memory.failed = true;
    memory.failures = match failure.retry {
        // Nothing is tried again here, it is only looked at again.
        Retry::OnChange => memory.failures.max(1),
        Retry::Soon | Retry::AtInterval => memory.failures.saturating_add(1),
    };
    memory.next =
        schedule::after_failure(failure, memory.failures, rhythm, moment).map_or(Next::OnChange, Next::At);
}

/// What every attempt leaves behind, good or bad.
fn note_attempt<M>(common: &mut Common<'_>, subject: Subject<'_>, memory: &Memory<M>) {
    *common.observed_generation = subject.generation;
    *common.failures = (memory.failures > 0).then_some(memory.failures);
    *common.next = match memory.next {
        Next::At(time) => Some(whole_seconds(time)),
        Next::Unknown | Next::OnChange => None,
    };
    if let Some(requested) = subject.requested {
        *common.handled = Some(requested.to_owned());
    }
}

/// What people should hear of a failure: a new one, or one for another reason.
fn alarm(before: Option<&Condition>, failure: &Failure) -> Option<Note> {
    let known = before.is_some_and(|ready| ready.status == "False" && ready.reason == failure.reason);
    (!known).then(|| Note::warning(failure.reason, &failure.message))
}

/// What people should hear after a failure has passed.
fn recovery(before: Option<&Condition>, message: &str) -> Option<Note> {
    before.filter(|ready| ready.status == "False").map(|_| Note::normal(reasons::SUCCEEDED, message))
}

/// Nothing goes on any more.
fn leave_phases(list: &mut Vec<Condition>) {
    list.retain(|condition| !conditions::PHASES.contains(&condition.type_.as_str()));
}

/// What a condition is to say.
pub(super) fn said(type_: &'static str, status: bool, reason: &'static str, message: &str) -> Said {
    Said { type_, status, reason, message: message.into() }
}

#[cfg(test)]
mod tests;
