//! Each way in which a schedule can be wrong.
use super::*;

fn schedule(cron: &str, time_zone: &str, window: &str) -> Schedule {
    Schedule { cron: cron.into(), time_zone: time_zone.into(), window: window.into() }
}

fn wrong(entries: &[Schedule]) -> Vec<String> {
    let mut found = Violations::default();
    schedules(&mut found, "spec.schedule", entries, Duration::from_secs(30));
    found.into_vec().iter().map(ToString::to_string).collect()
}

#[test]
fn good_schedules_pass() {
    let good = [
        schedule("0 10 * * 1-4", "Europe/London", "6h"),
        schedule("@hourly", "UTC", "0s"),
        schedule("*/5 * * * *", "utc", "1m"),
        schedule("0 0 29 FEB *", "America/New_York", "8784h"),
    ];
    assert_eq!(wrong(&good), [""; 0]);
}

#[test]
fn every_wrong_field_is_named_at_once() {
    let bad = [schedule("0 25 * * *", "Berlin", "59s"), schedule("0 0 31 4 *", "UTC", "-1h")];
    let expected = [
        r#"spec.schedule[0].cron: Invalid value: "0 25 * * *": its hour must be *, or 0 to 23, with lists (a,b), ranges (a-b) and steps (*/n)"#,
        r#"spec.schedule[0].timeZone: Invalid value: "Berlin": must be the name of a time zone in the IANA database, such as Europe/Berlin"#,
        r#"spec.schedule[0].window: Invalid value: "59s": must be 0s, or twice spec.timeout or more: 1m0s"#,
        r#"spec.schedule[1].cron: Invalid value: "0 0 31 4 *": must name days that there are"#,
        r#"spec.schedule[1].window: Invalid value: "-1h": must be numbers with units, such as 1h30m; units are ms, s, m and h"#,
    ];
    assert_eq!(wrong(&bad), expected);
}

#[test]
fn lengths_and_numbers_have_bounds() {
    let long = [schedule(&"0 ".repeat(129), &"a/".repeat(33), "8785h")];
    let expected = [
        "spec.schedule[0].cron: Too long: has 258 bytes, may have at most 256",
        "spec.schedule[0].timeZone: Too long: has 66 bytes, may have at most 64",
        r#"spec.schedule[0].window: Invalid value: "8785h": must be 8784h or less, which is a year"#,
    ];
    assert_eq!(wrong(&long), expected);
    let many = vec![schedule("@daily", "UTC", "0s"); 17];
    assert_eq!(wrong(&many), ["spec.schedule: Invalid value: 17: must be 16 entries or fewer"]);
}
