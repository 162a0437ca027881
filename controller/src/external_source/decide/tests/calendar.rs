//! What a schedule admits: nothing by itself outside, and at once what somebody asks for or what is missing.
use super::*;
use crate::external_source::LastFetch;
use crds::schedule::Schedule;

/// 2027-01-15T08:00:00Z, when [`NOW`] is.
const NINE: &str = "0 9 * * *";

impl Scene {
    /// The same source, with one entry in its schedule.
    fn scheduled(mut self, cron: &str, window: &str) -> Self {
        let entry = Schedule { cron: cron.into(), time_zone: "UTC".into(), window: window.into() };
        self.source.spec.schedule = vec![entry];
        self
    }

    /// The last pass was due then.
    fn due_at(mut self, time: Timestamp) -> Self {
        self.memory.next = Next::At(time);
        self.status().next_fetch_time = Some(Time(time));
        self
    }

    /// The last pass failed, before its fetch if `reason` is one of the store.
    fn failed(mut self, reason: &str) -> Self {
        self.not_ready();
        self.status().conditions[0].reason = reason.into();
        self.memory.failed = true;
        self
    }

    fn recovers(&self) -> bool {
        matches!(self.step(), Step::Recover { .. })
    }
}

fn in_an_hour() -> Option<Timestamp> {
    Some(in_seconds(3600))
}

#[test]
fn outside_a_window_nothing_is_fetched_whatever_the_interval_says() {
    let scene = Scene::well().scheduled(NINE, "8h").due_at(in_seconds(-60));
    assert_eq!(scene.rests_until(), in_an_hour());
    Scene::well().scheduled("0 8 * * *", "8h").due_at(NOW.now).order();
}

#[test]
fn a_request_a_changed_spec_a_changed_secret_and_lost_bytes_count_at_once() {
    let scene = || Scene::well().scheduled(NINE, "8h").due_at(in_seconds(3600));
    let mut asked = scene();
    asked.annotate("now");
    asked.order();
    let mut asked_through_flux = scene();
    asked_through_flux.seen.flux_request = Some("now".into());
    asked_through_flux.order();
    let mut edited = scene();
    edited.source.metadata.generation = Some(2);
    edited.order();
    let mut rotated = scene();
    rotated.memory.own.inputs = Some(Digest::of(b"with the old Secret"));
    rotated.order();
    let mut lost = scene();
    lost.seen.blob = None;
    assert!(lost.order().lost);
}

#[test]
fn a_new_source_is_fetched_before_its_first_window() {
    let mut scene = Scene::restarted().scheduled(NINE, "8h");
    (scene.source.status, scene.seen.blob) = (None, None);
    scene.order();
}

#[test]
fn a_moment_is_kept_late_rather_than_not_at_all() {
    Scene::well().scheduled("0 7 * * *", "0s").due_at(in_seconds(-3600)).order();
    let missed = Scene::well().scheduled("0 6 * * *", "1h").due_at(in_seconds(-7200));
    assert_eq!(missed.rests_until(), Some(in_seconds(22 * 3600)), "a window that has closed is over");
}

#[test]
fn what_was_due_while_nothing_ran_is_made_up_for_where_the_calendar_admits_it() {
    let restarted = |cron, window, due| {
        let mut scene = Scene::well().scheduled(cron, window).due_at(in_seconds(due));
        scene.memory = Memory::default();
        scene
    };
    restarted("0 7 * * *", "0s", -3600).order();
    assert_eq!(restarted("0 6 * * *", "1h", -7200).rests_until(), Some(in_seconds(22 * 3600)));
    assert_eq!(restarted(NINE, "0s", 3600).rests_until(), in_an_hour());
    let turn = restarted("0 6 * * *", "8h", -7200).rests_until().expect("a time");
    assert!((0..=300).contains(&NOW.until(turn).as_secs()), "each source has its turn in an open window");
}

#[test]
fn a_source_that_failed_waits_for_its_window_and_is_tried_again_after_its_moment() {
    let failed = |cron, window| {
        let mut scene = Scene::well().failed(reasons::SERVER_ERROR).scheduled(cron, window).due_at(NOW.now);
        let at = in_seconds(-1);
        scene.memory.own.fetch = Some(LastFetch { at, failed: true, restores: false });
        scene
    };
    assert_eq!(failed(NINE, "8h").rests_until(), in_an_hour());
    failed("0 7 * * *", "0s").order();
}

#[test]
fn what_was_not_the_sources_fault_heals_without_asking_it() {
    let broken = || Scene::well().failed(reasons::STORAGE_OPERATION_FAILED).due_at(NOW.now);
    assert!(broken().scheduled(NINE, "8h").recovers());
    assert!(broken().scheduled(NINE, "0s").recovers());
    broken().order();
    broken().scheduled("0 8 * * *", "8h").order();
    let mut restarted = broken().scheduled(NINE, "8h");
    restarted.memory = Memory::default();
    assert!(restarted.recovers());
    let mut lost = broken().scheduled(NINE, "8h");
    lost.seen.blob = None;
    assert!(lost.order().lost, "there is nothing to be well with");
}

#[test]
fn a_moment_whose_pass_ended_before_its_fetch_is_still_owed() {
    let mut scene =
        Scene::well().failed(reasons::KUBERNETES_ERROR).scheduled("59 7 * * *", "0s").due_at(NOW.now);
    let fetched = |at| Some(LastFetch { at, failed: false, restores: false });
    scene.memory.own.fetch = fetched(in_seconds(-86_400));
    scene.order();
    scene.memory.own.fetch = fetched(in_seconds(-59));
    assert!(scene.recovers());
}
