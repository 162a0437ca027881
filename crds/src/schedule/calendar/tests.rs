//! What windows and moments allow, at any time of the day and of the year.
use super::*;

const MINUTE: Duration = Duration::from_secs(60);

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn entry(cron: &str, zone: &str, window: &str) -> Schedule {
    Schedule { cron: cron.into(), time_zone: zone.into(), window: window.into() }
}

/// For what takes a minute at most.
fn calendar(entries: &[Schedule]) -> Calendar {
    Calendar::of(entries, MINUTE).expect("good schedules")
}

/// From eight to noon, every day.
fn mornings() -> Calendar {
    calendar(&[entry("0 8 * * *", "UTC", "4h")])
}

/// When what is due then may be done, seen from the same time.
fn admitted(calendar: &Calendar, due: &str) -> Timestamp {
    calendar.admitted(time(due), time(due), false)
}

#[test]
fn without_an_entry_or_with_a_wrong_one_there_is_no_calendar() {
    assert!(Calendar::of(&[], MINUTE).is_none());
    let (good, bad) = (entry("0 8 * * *", "UTC", "0s"), entry("0 8 * *", "UTC", "0s"));
    assert!(Calendar::of(&[good, bad], MINUTE).is_none());
}

#[test]
fn a_window_is_open_from_its_moment_until_nothing_could_end_in_it() {
    for (at, open) in [
        ("2025-05-01T07:59:59Z", false),
        ("2025-05-01T08:00:00Z", true),
        ("2025-05-01T11:58:59Z", true),
        ("2025-05-01T11:59:00Z", false),
        ("2025-05-01T12:00:00Z", false),
    ] {
        assert_eq!(mornings().is_open(time(at)), open, "{at}");
    }
}

#[test]
fn what_is_due_in_a_window_stays_and_what_is_not_waits_for_the_next() {
    let inside = "2025-05-01T10:00:00Z";
    assert_eq!(admitted(&mornings(), inside), time(inside));
    assert_eq!(admitted(&mornings(), "2025-05-01T12:30:00Z"), time("2025-05-02T08:00:00Z"));
    let late = mornings().admitted(time(inside), time("2025-05-01T15:00:00Z"), false);
    assert_eq!(late, time("2025-05-02T08:00:00Z"), "its window has closed meanwhile");
}

#[test]
fn a_moment_without_a_window_is_owed_until_it_was_kept() {
    let once = calendar(&[entry("0 8 * * *", "UTC", "0s")]);
    let (moment, noon) = (time("2025-05-01T08:00:00Z"), time("2025-05-01T12:00:00Z"));
    assert!(!once.is_open(moment));
    assert_eq!(once.admitted(moment, moment, false), moment);
    assert_eq!(once.admitted(moment, noon, false), moment, "nobody was there at eight");
    assert_eq!(admitted(&once, "2025-05-01T08:10:00Z"), time("2025-05-02T08:00:00Z"));
}

#[test]
fn what_is_tried_again_goes_on_after_a_moment_and_ends_with_a_window() {
    let due = time("2025-05-01T12:30:00Z");
    let once = calendar(&[entry("0 8 * * *", "UTC", "0s")]);
    assert_eq!(once.admitted(due, due, true), due);
    assert_eq!(mornings().admitted(due, due, true), time("2025-05-02T08:00:00Z"));
}

#[test]
fn a_window_may_go_over_midnight_and_into_another_month() {
    let nights = calendar(&[entry("0 22 * * *", "Europe/Berlin", "8h")]);
    for (at, open) in [
        ("2025-04-30T19:59:00Z", false),
        ("2025-04-30T20:00:00Z", true),
        ("2025-05-01T03:58:00Z", true),
        ("2025-05-01T04:00:00Z", false),
    ] {
        assert_eq!(nights.is_open(time(at)), open, "{at}");
    }
}

#[test]
fn windows_that_overlap_are_open_together_and_each_opens_at_its_moment() {
    let overlapping = calendar(&[entry("0 8 * * *", "UTC", "4h"), entry("0 10 * * *", "UTC", "4h")]);
    for (at, open) in [("11:59:30", true), ("13:58:00", true), ("14:00:00", false), ("07:00:00", false)] {
        assert_eq!(overlapping.is_open(time(&format!("2025-05-01T{at}Z"))), open, "{at}");
    }
    assert_eq!(overlapping.next(time("2025-05-01T08:00:00Z")), time("2025-05-01T10:00:00Z"));
    let longer_than_its_period = calendar(&[entry("0 * * * *", "UTC", "90m")]);
    assert!(longer_than_its_period.is_open(time("2025-05-01T10:59:59Z")));
}

#[test]
fn of_several_entries_the_earliest_moment_counts() {
    let [five, three, seven] = ["0 5 * * *", "0 3 * * *", "0 7 * * *"].map(|cron| entry(cron, "UTC", "0s"));
    let several = calendar(&[five, three, seven]);
    assert_eq!(several.next(time("2025-01-01T12:00:00Z")), time("2025-01-02T03:00:00Z"));
    assert_eq!(several.next(time("2025-01-02T03:00:00Z")), time("2025-01-02T05:00:00Z"));
}

#[test]
fn a_window_lasts_as_long_as_it_says_whatever_clocks_do() {
    let berlin = calendar(&[entry("30 2 * * *", "Europe/Berlin", "2h")]);
    // In spring 02:30 is skipped, and the window opens at 03:00, which is 01:00 in UTC.
    for (at, open) in [("00:59:59", false), ("01:00:00", true), ("02:58:00", true), ("03:00:00", false)] {
        assert_eq!(berlin.is_open(time(&format!("2025-03-30T{at}Z"))), open, "spring, {at}");
    }
    // In autumn it opens at the first 02:30, and has closed before 04:30 on the clock.
    for (at, open) in [("00:29:59", false), ("00:30:00", true), ("01:45:00", true), ("02:30:00", false)] {
        assert_eq!(berlin.is_open(time(&format!("2025-10-26T{at}Z"))), open, "autumn, {at}");
    }
}
