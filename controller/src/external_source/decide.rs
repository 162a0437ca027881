//! Whether to fetch. Pure: same input, same answer; the time is an argument.
use super::{
    Remembered, artifact, failure,
    observe::Seen,
    pin::{self, Pin},
    publish::name_taken,
    refused_hooks,
};
use crate::{
    moment::Moment,
    reconcile::{Failure, Memory, Next, Retry},
};
use artifacts::{
    Digest, Ignored,
    pipeline::{Stored, Validators},
    plan::Plan,
};
use crds::{
    ExternalSource, ExternalSourceSpec, ExternalSourceStatus,
    annotations::REQUESTED_AT,
    conditions::{self, READY, RECONCILING},
    duration,
    installation::{Installation, allowed},
    reasons,
    rules::{FieldError, Invalid, Valid, Violation, check},
    schedule::Calendar,
};
use jiff::Timestamp;
use std::time::Duration;

/// After a restart, sources that are well are looked at within this time, or within their interval if that is shorter.
const SPREAD: Duration = Duration::from_secs(300);

/// Reasons of failures that are none of the source.
const NOT_OF_THE_SOURCE: &[&str] = &[
    reasons::KUBERNETES_ERROR,
    reasons::STORAGE_OPERATION_FAILED,
    reasons::STORE_ACCESS_DENIED,
    reasons::STORE_FULL,
    reasons::STORE_READ_ONLY,
];

/// What `act` must do, and what it must remember.
#[derive(Debug)]
pub(crate) struct Decision {
    pub step: Step,
    /// The request on the ExternalArtifact that this step answers, if there is one.
    pub followed: Option<String>,
}

/// What `act` must do.
#[derive(Debug)]
pub(crate) enum Step {
    /// Nothing, and say nothing.
    Rest {
        /// When there will be something; `None`: on a change.
        until: Option<Timestamp>,
        /// What the last fetch was made from.
        inputs: Digest,
    },
    /// Nothing, on behalf of the user.
    Suspend {
        /// A new request that is not followed.
        ignored: Option<String>,
    },
    /// Nothing, since this is in the way.
    Fail(Failure),
    /// Publish what `spec.pin` names, or, without it, the newest. Whether there is something newer is looked at in the pass
    /// after this one: whoever rolls back does not wait for a source, which may be down.
    Obey(Option<Pin>),
    /// Fetch.
    Fetch(Box<Order>),
    /// Say that all is well again: what went wrong lay not with the source, which is not to be asked now.
    Recover {
        /// What the last fetch was made from.
        inputs: Digest,
        /// What must stay published.
        pin: Option<Pin>,
    },
}

/// What to fetch, and against what to compare it.
#[derive(Debug)]
pub(crate) struct Order {
    pub plan: Plan,
    pub inputs: Digest,
    pub validators: Option<Validators>,
    pub stored: Option<Stored>,
    /// What must stay published.
    pub pin: Option<Pin>,
    /// The stored artifact is no longer there, or no longer whole.
    pub lost: bool,
    /// Hooks that may not run here, and need not.
    pub left_out: Vec<Ignored>,
}

pub(super) fn decide(
    source: &ExternalSource,
    seen: &Seen,
    memory: &Memory<Remembered>,
    moment: Moment,
) -> Decision {
    let step = step(source, seen, memory, moment).unwrap_or_else(Step::Fail);
    let is_attempt = matches!(step, Step::Fetch(_) | Step::Fail(_));
    Decision { step, followed: seen.flux_request.clone().filter(|_| is_attempt) }
}

fn step(
    source: &ExternalSource,
    seen: &Seen,
    memory: &Memory<Remembered>,
    moment: Moment,
) -> Result<Step, Failure> {
    let none = ExternalSourceStatus::default();
    let status = source.status.as_ref().unwrap_or(&none);
    let request = request(source, status).or_else(|| request_through_flux(seen, status));
    if source.spec.suspend == Some(true) {
        let known = memory.own.ignored_request.as_deref();
        return Ok(Step::Suspend { ignored: request.filter(|new| Some(*new) != known).map(str::to_owned) });
    }
    let (spec, left_out) = refused_hooks::left_out(&source.spec, seen.allowed.commands());
    let spec = checked(&spec, &seen.allowed.installation())?;
    if let Some(why) = &seen.taken {
        return Err(name_taken(source.metadata.name.as_deref().unwrap_or_default(), why));
    }
    if pin::is_due(status, seen.pin.as_ref(), seen.blob.is_some()) {
        return Ok(Step::Obey(seen.pin.clone()));
    }
    let mut plan = Plan::new(spec, seen.secrets.as_ref().map_err(Failure::clone)?)
        .map_err(|error| failure::from_pipeline(&error))?;
    plan.confine(seen.allowed.hosts.clone());
    let inputs = plan.inputs_digest();
    let calendar = source.spec.calendar();
    let case = Case { source, status, seen, memory, inputs, asked: request.is_some(), calendar };
    Ok(match case.due(moment) {
        Due::Now => Step::Fetch(Box::new(case.order(plan, left_out))),
        Due::At(time) if time <= moment.now => Step::Fetch(Box::new(case.order(plan, left_out))),
        Due::At(_) if case.recovers() => Step::Recover { inputs, pin: seen.pin.clone() },
        Due::At(time) => Step::Rest { until: Some(time), inputs },
        Due::OnChange => Step::Rest { until: None, inputs },
    })
}

/// A spec that breaks a rule, that of the language of expressions included, waits until it changes. One that only this installation
/// does not allow is looked at again: the operator may change what it allows.
fn checked<'a>(
    spec: &'a ExternalSourceSpec,
    installation: &Installation<'_>,
) -> Result<Valid<'a, ExternalSourceSpec>, Failure> {
    let broken = |invalid: &Invalid| Failure::stalled(reasons::INVALID_SPEC, invalid.to_string());
    let spec = check(spec).map_err(|invalid| broken(&invalid))?;
    allowed(spec, installation).map_err(|refused| {
        let is_of_hooks = |error: &FieldError| error.path.starts_with("spec.hooks");
        let reason = match refused.errors().iter().all(is_of_hooks) {
            true => reasons::HOOK_NOT_ALLOWED,
            false => reasons::NOT_ALLOWED,
        };
        match refused.errors().iter().all(|error| error.kind == Violation::Forbidden) {
            true => Failure { retry: Retry::AtInterval, ..Failure::stalled(reason, refused.to_string()) },
            false => broken(&refused),
        }
    })
}

/// A value of `requestedAt` whose pass has not ended.
fn request<'a>(source: &'a ExternalSource, status: &ExternalSourceStatus) -> Option<&'a str> {
    let value = source.metadata.annotations.as_ref()?.get(REQUESTED_AT)?;
    (status.last_handled_reconcile_at.as_ref() != Some(value)).then_some(value)
}

/// Flux's receivers can only annotate kinds that they know, so a request on the ExternalArtifact counts as well.
fn request_through_flux<'a>(seen: &'a Seen, status: &ExternalSourceStatus) -> Option<&'a str> {
    let value = seen.flux_request.as_ref()?;
    (status.last_handled_artifact_reconcile_at.as_ref() != Some(value)).then_some(value)
}

/// Whether the last pass that failed did so in its fetch. After a restart only what is told of it says so.
pub(super) fn has_fetch_failed(status: Option<&ExternalSourceStatus>, memory: &Memory<Remembered>) -> bool {
    let told = || {
        let ready = status.and_then(|status| conditions::find(&status.conditions, READY));
        ready.is_some_and(|ready| ready.status != "True" && !NOT_OF_THE_SOURCE.contains(&&*ready.reason))
    };
    memory.own.fetch.map_or_else(told, |fetch| fetch.failed)
}

/// All that bears on whether a fetch is due.
struct Case<'a> {
    source: &'a ExternalSource,
    status: &'a ExternalSourceStatus,
    seen: &'a Seen,
    memory: &'a Memory<Remembered>,
    inputs: Digest,
    asked: bool,
    calendar: Option<Calendar>,
}

enum Due {
    Now,
    At(Timestamp),
    OnChange,
}

impl Case<'_> {
    fn due(&self, moment: Moment) -> Due {
        match self.memory.next {
            _ if self.asked => Due::Now,
            Next::Unknown => self.due_after_restart(moment),
            _ if self.memory.generation != self.source.metadata.generation => Due::Now,
            _ if self.memory.own.inputs != Some(self.inputs) => Due::Now,
            _ if (self.lost() || self.lacks_pinned()) && !self.memory.failed => Due::Now,
            Next::At(time) => Due::At(self.admitted(time, moment)),
            Next::OnChange => Due::OnChange,
        }
    }

    /// Only the status tells what the process before this one knew.
    fn due_after_restart(&self, moment: Moment) -> Due {
        let generation_is_new = self.status.observed_generation != self.source.metadata.generation;
        let announced =
            self.status.next_fetch_time.as_ref().map(|time| time.0).filter(|time| *time > moment.now);
        let well = self.is_well();
        let lacks_something = self.lost() || self.lacks_pinned() || self.have_inputs_changed();
        if let Some(calendar) = self.calendar.as_ref().filter(|_| !generation_is_new && !lacks_something) {
            return Due::At(self.turn_by_calendar(calendar, moment));
        }
        match announced {
            _ if generation_is_new => Due::Now,
            // A back-off outlives the process, and so does a pause that the server asked for.
            Some(time) if !well => Due::At(time),
            _ if !well || lacks_something => Due::Now,
            Some(time) if self.is_special(time, moment) => Due::At(time),
            Some(time) => Due::At(time.min(self.turn())),
            None => Due::At(self.turn()),
        }
    }

    /// When a fetch may be made by itself that is due then. Bytes that are lost are fetched again at any time.
    fn admitted(&self, due: Timestamp, moment: Moment) -> Timestamp {
        let Some(calendar) = self.calendar.as_ref().filter(|_| !self.lost()) else { return due };
        let has_fetch_failed = has_fetch_failed(Some(self.status), self.memory);
        // A pass that ended before its fetch has not kept the moment that it was for.
        let due = match self.memory.failed && !has_fetch_failed {
            true => due.min(calendar.next(self.memory.own.fetch.map_or(self.seen.since, |fetch| fetch.at))),
            false => due,
        };
        calendar.admitted(due, moment.now, has_fetch_failed)
    }

    /// When it is this source's turn after a restart, if the calendar says so. What was due meanwhile is made up for where it still
    /// admits that.
    fn turn_by_calendar(&self, calendar: &Calendar, moment: Moment) -> Timestamp {
        let due = self.status.next_fetch_time.as_ref().map_or(moment.now, |time| time.0);
        let admitted = calendar.admitted(due, moment.now, has_fetch_failed(Some(self.status), self.memory));
        let may_wait = self.is_well() && calendar.is_open(moment.now);
        if admitted <= moment.now && may_wait { self.turn() } else { admitted }
    }

    /// Whether the last pass failed for something that is over, and that was not the source.
    fn recovers(&self) -> bool {
        let failed =
            conditions::find(&self.status.conditions, READY).is_some_and(|ready| ready.status != "True");
        self.calendar.is_some()
            && failed
            && !self.lost()
            && pin::newest(self.status).is_some()
            && !has_fetch_failed(Some(self.status), self.memory)
    }

    /// Whether the last pass of the process before this one ended well.
    fn is_well(&self) -> bool {
        let condition = |type_| conditions::find(&self.status.conditions, type_);
        pin::newest(self.status).is_some()
            && condition(READY).is_some_and(|ready| ready.status == "True")
            && condition(RECONCILING).is_none()
    }

    /// Whether that time is later than any interval would have put it.
    fn is_special(&self, time: Timestamp, moment: Moment) -> bool {
        moment.until(time) > self.interval().mul_f64(1.05)
    }

    /// When it is this source's turn after a restart: a time of its own, the same however often one asks.
    fn turn(&self) -> Timestamp {
        let uid = self.source.metadata.uid.as_deref().unwrap_or_default();
        let [a, b, c, d, ..] = *Digest::of(uid.as_bytes()).as_bytes();
        let share = f64::from(u32::from_be_bytes([a, b, c, d])) / f64::from(u32::MAX);
        let wait = self.interval().min(SPREAD).mul_f64(share);
        self.seen.since.checked_add(wait).unwrap_or(Timestamp::MAX)
    }

    fn interval(&self) -> Duration {
        duration::parse(&self.source.spec.interval).unwrap_or(SPREAD)
    }

    fn lost(&self) -> bool {
        pin::newest(self.status).is_some() && self.seen.blob.is_none()
    }

    /// Whether what `spec.pin` names is not stored. The source may serve it again.
    fn lacks_pinned(&self) -> bool {
        self.seen.pin.as_ref().is_some_and(|pin| pin.blob.is_none())
    }

    fn have_inputs_changed(&self) -> bool {
        self.status.observed_inputs_digest != Some(self.inputs.to_string())
    }

    fn order(&self, plan: Plan, left_out: Vec<Ignored>) -> Order {
        let stored = pin::newest(self.status).filter(|_| self.seen.blob.is_some()).and_then(artifact::stored);
        let validators = Validators {
            etag: self.status.last_handled_etag.clone(),
            last_modified: self.status.last_handled_last_modified.clone(),
        };
        // An answer of "not modified" to other inputs would be about another artifact.
        let comparable = stored.is_some() && !self.have_inputs_changed();
        Order {
            plan,
            inputs: self.inputs,
            validators: comparable.then_some(validators),
            stored,
            pin: self.seen.pin.clone(),
            lost: self.lost(),
            left_out,
        }
    }
}

#[cfg(test)]
mod tests;
