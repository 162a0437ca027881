//! What people read after each way in which a pass can end.
use super::*;
use crate::reconcile::events::Note;
use crds::{
    ExternalSourceStatus,
    schedule::{Calendar, Schedule},
};
use jiff::SignedDuration;
use std::time::Duration;

const EVEN: Moment = Moment { now: Timestamp::UNIX_EPOCH, random: 0.5 };
const SUBJECT: Subject<'static> = Subject {
    generation: Some(3),
    requested: None,
    rhythm: Rhythm { interval: Duration::from_secs(600), calendar: None },
};

/// An object across several passes.
#[derive(Default)]
struct Object {
    status: ExternalSourceStatus,
    memory: Memory<()>,
    at: i64,
}

impl Object {
    /// One more pass, a minute later.
    fn pass(&mut self, outcome: &Result<Done, Failure>) -> Report {
        self.at += 60;
        let now = EVEN.now + SignedDuration::from_secs(self.at);
        report(outcome, SUBJECT, (&mut self.status, &mut self.memory), Moment { now, ..EVEN })
    }

    fn after(mut self, outcome: &Result<Done, Failure>) -> Self {
        self.pass(outcome);
        self
    }

    fn says(&self) -> Vec<String> {
        let said = |c: &Condition| format!("{}={} {}", c.type_, c.status, c.reason);
        self.status.conditions.iter().map(said).collect()
    }
}

fn good() -> Result<Done, Failure> {
    Ok(Done::Ready { message: "stored".into(), pause: None })
}

fn bad(reason: &'static str, retry: Retry) -> Result<Done, Failure> {
    Err(Failure { retry, ..Failure::stalled(reason, format!("because of {reason}")) })
}

#[test]
fn success_leaves_nothing_but_ready() {
    let object = Object::default().after(&bad("ServerError", Retry::Soon)).after(&good());
    assert_eq!(object.says(), ["Ready=True Succeeded"]);
    assert_eq!((object.status.failures, object.memory.failures), (None, 0));
    assert_eq!(object.status.observed_generation, Some(3));
}

#[test]
fn the_first_failure_is_told_at_once_and_says_whether_to_wait_or_to_act() {
    let object = Object::default().after(&bad("ServerError", Retry::Soon));
    assert_eq!(object.says(), ["Ready=False ServerError", "Reconciling=True ProgressingWithRetry"]);
    let object = object.after(&bad("InvalidSpec", Retry::OnChange));
    assert_eq!(object.says(), ["Ready=False InvalidSpec", "Stalled=True InvalidSpec"]);
    assert_eq!(object.memory.next, Next::OnChange);
}

#[test]
fn the_same_failure_at_the_interval_is_no_reason_to_write() {
    let mut object = Object::default().after(&bad("NotFound", Retry::AtInterval));
    let written = object.status.clone();
    let report = object.pass(&bad("NotFound", Retry::AtInterval));
    assert!(!object.status.differs_from(&written), "{:?}", object.status);
    assert_eq!(report, Report { insist: false, note: None });
}

#[test]
fn back_off_is_written_until_failing_is_how_things_are() {
    let mut object = Object::default();
    for attempt in 1..=schedule::ATTEMPTS + 1 {
        let report = object.pass(&bad("ServerError", Retry::Soon));
        assert_eq!(report.insist, attempt <= schedule::ATTEMPTS, "attempt {attempt}");
    }
    assert_eq!(object.status.failures, Some(schedule::ATTEMPTS + 1));
}

#[test]
fn a_pause_that_a_server_asks_for_is_written() {
    let day = Some(Duration::from_secs(86_400));
    let asked = Failure { retry_after: day, retry: Retry::AtInterval, ..Failure::stalled("RateLimited", "") };
    let mut object = Object::default();
    assert!(object.pass(&Err(asked)).insist);
    assert_eq!(object.status.next_fetch_time, Some(whole_seconds(Timestamp::from_second(86_460).unwrap())));
    assert!(object.pass(&Ok(Done::Ready { message: "stored".into(), pause: day })).insist);
    assert!(!object.pass(&good()).insist);
}

#[test]
fn a_second_good_pass_is_no_reason_to_write() {
    let mut object = Object::default().after(&good());
    let written = object.status.clone();
    assert_eq!(object.pass(&good()), Report { insist: false, note: None });
    assert!(!object.status.differs_from(&written));
}

#[test]
fn people_hear_of_changes_and_of_nothing_else() {
    let mut object = Object::default();
    let mut heard = Vec::new();
    for outcome in [
        good(),
        bad("ServerError", Retry::Soon),
        bad("ServerError", Retry::Soon),
        bad("NotFound", Retry::AtInterval),
        good(),
        good(),
    ] {
        heard.extend(object.pass(&outcome).note);
    }
    let expected = [
        Note::warning("ServerError", "because of ServerError"),
        Note::warning("NotFound", "because of NotFound"),
        Note::normal("Succeeded", "stored"),
    ];
    assert_eq!(heard, expected);
}

#[test]
fn resting_says_nothing_and_keeps_every_word() {
    let mut object = Object::default().after(&bad("NotFound", Retry::AtInterval));
    let before = object.status.clone();
    let until = Timestamp::from_second(999).unwrap();
    object.pass(&Ok(Done::Rested { until: Some(until) }));
    assert_eq!((object.status, object.memory.next), (before, Next::At(until)));
    assert!(object.memory.failed, "the last pass that did something failed");
}

#[test]
fn failures_are_counted_on_where_the_process_before_this_one_stopped() {
    let mut object =
        Object::default().after(&bad("ServerError", Retry::Soon)).after(&bad("ServerError", Retry::Soon));
    object.memory = Memory::default();
    object.pass(&Ok(Done::Rested { until: None }));
    assert_eq!((object.memory.failed, object.memory.failures, object.memory.generation), (true, 2, Some(3)));
    object.memory = Memory::default();
    object.pass(&bad("ServerError", Retry::Soon));
    assert_eq!(object.status.failures, Some(3));
}

#[test]
fn the_next_moment_of_a_calendar_is_written() {
    let schedule = Schedule { cron: "0 9 * * *".into(), time_zone: "UTC".into(), window: "8h".into() };
    let calendar = Calendar::of(&[schedule], Duration::from_secs(30)).expect("a good schedule");
    let subject = Subject { rhythm: Rhythm { calendar: Some(&calendar), ..SUBJECT.rhythm }, ..SUBJECT };
    let passed = |hour| {
        let now = EVEN.now + SignedDuration::from_hours(hour);
        let (mut status, mut memory) = (ExternalSourceStatus::default(), Memory::<()>::default());
        let report = report(&good(), subject, (&mut status, &mut memory), Moment { now, ..EVEN });
        (report.insist, status.next_fetch_time.map(|time| time.0.to_string()))
    };
    assert_eq!(passed(6), (true, Some("1970-01-01T09:00:00Z".into())));
    assert_eq!(passed(9), (false, Some("1970-01-01T09:10:00Z".into())));
}

#[test]
fn a_suspended_object_keeps_its_ready() {
    let failed = Object::default().after(&bad("ServerError", Retry::Soon));
    let object = failed.after(&Ok(Done::Suspended));
    assert_eq!(object.says(), ["Ready=False ServerError"]);
    assert_eq!(object.status.last_handled_reconcile_at, None);
    let new = Object::default().after(&Ok(Done::Suspended));
    assert_eq!(new.says(), ["Ready=False Suspended"]);
}

#[test]
fn a_request_is_handled_whatever_became_of_it() {
    let subject = Subject { requested: Some("now"), ..SUBJECT };
    for outcome in [good(), bad("ServerError", Retry::Soon), bad("InvalidSpec", Retry::OnChange)] {
        let (mut status, mut memory) = (ExternalSourceStatus::default(), Memory::<()>::default());
        report(&outcome, subject, (&mut status, &mut memory), EVEN);
        assert_eq!(status.last_handled_reconcile_at.as_deref(), Some("now"), "{outcome:?}");
    }
}

#[test]
fn phases_that_a_crash_left_behind_are_swept_away() {
    let mut object = Object::default();
    for phase in ["Fetching", "Reconciling"] {
        let phase = Condition { type_: phase.into(), status: "True".into(), ..good_condition() };
        object.status.conditions.push(phase);
    }
    assert_eq!(object.after(&good()).says(), ["Ready=True Succeeded"]);
}

fn good_condition() -> Condition {
    Condition {
        type_: "Ready".into(),
        status: "True".into(),
        reason: "Progressing".into(),
        message: String::new(),
        observed_generation: None,
        last_transition_time: whole_seconds(EVEN.now),
    }
}
