//! Which moments a cron expression means, and what is none.
use super::*;
use jiff::SignedDuration;
use proptest::prelude::*;

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn moments(cron: &str, zone: &str) -> Moments {
    Moments::new(cron, zone).unwrap_or_else(|why| panic!("{cron} in {zone}: {why}"))
}

/// The first moments after a time.
fn first<const N: usize>(cron: &str, zone: &str, after: &str) -> [String; N] {
    let (moments, mut last) = (moments(cron, zone), time(after));
    std::array::from_fn(|_| {
        last = moments.after(last).expect("moments have no end");
        last.to_string()
    })
}

#[test]
fn moments_are_those_of_flux_operator() {
    let after = "2025-01-01T12:10:00Z";
    for (cron, zone, next) in [
        ("0 3 * * *", "UTC", "2025-01-02T03:00:00Z"),
        ("0 5 * * *", "Europe/Bucharest", "2025-01-02T03:00:00Z"),
        ("0 5 * * *", "Europe/London", "2025-01-02T05:00:00Z"),
        ("0 5 * * *", "America/New_York", "2025-01-02T10:00:00Z"),
        ("0 5 * * *", "america/sao_paulo", "2025-01-02T08:00:00Z"),
        ("0 0 29 2 *", "UTC", "2028-02-29T00:00:00Z"),
        ("@daily", "Asia/Kolkata", "2025-01-01T18:30:00Z"),
        ("@midnight", "UTC", "2025-01-02T00:00:00Z"),
        ("5/15 * * * *", "UTC", "2025-01-01T12:20:00Z"),
        ("0 10 * * mon-thu", "UTC", "2025-01-02T10:00:00Z"),
        ("0 10 1,15 JAN ?", "UTC", "2025-01-15T10:00:00Z"),
    ] {
        assert_eq!(first::<1>(cron, zone, after), [next], "{cron} in {zone}");
    }
}

#[test]
fn either_day_is_enough_where_both_are_restricted() {
    let [first, second] = first("0 0 13 * 5", "UTC", "2025-06-01T00:00:00Z");
    assert_eq!((&*first, &*second), ("2025-06-06T00:00:00Z", "2025-06-13T00:00:00Z"));
}

#[test]
fn the_last_moment_is_found_whether_it_was_now_or_years_ago() {
    let leap = moments("0 0 29 2 *", "UTC");
    for (now, last) in [
        ("2025-01-01T12:00:00Z", "2024-02-29T00:00:00Z"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"),
        ("2024-02-29T00:00:00.5Z", "2024-02-29T00:00:00Z"),
        ("2028-02-28T23:59:59.999Z", "2024-02-29T00:00:00Z"),
    ] {
        assert_eq!(leap.until(time(now)), Some(time(last)), "{now}");
    }
    assert_eq!(leap.after(time("2024-02-29T00:00:00Z")), Some(time("2028-02-29T00:00:00Z")));
}

#[test]
fn a_moment_that_clocks_skip_is_the_one_at_which_they_go_on() {
    // On 2025-03-30 Berlin goes from 01:59:59 at +01:00 to 03:00:00 at +02:00.
    let found = first("30 2 * * *", "Europe/Berlin", "2025-03-29T12:00:00Z");
    assert_eq!(found, ["2025-03-30T01:00:00Z", "2025-03-31T00:30:00Z"]);
    let skipped = moments("30 2 * * *", "Europe/Berlin");
    assert_eq!(skipped.until(time("2025-03-30T08:00:00Z")), Some(time("2025-03-30T01:00:00Z")));
}

#[test]
fn a_moment_at_an_hour_that_clocks_repeat_comes_once() {
    // On 2025-10-26 Berlin goes from 02:59:59 at +02:00 to 02:00:00 at +01:00.
    let found = first("30 2 * * *", "Europe/Berlin", "2025-10-25T12:00:00Z");
    assert_eq!(found, ["2025-10-26T00:30:00Z", "2025-10-27T01:30:00Z"]);
    let repeated = moments("30 2 * * *", "Europe/Berlin");
    assert_eq!(repeated.until(time("2025-10-26T08:00:00Z")), Some(time("2025-10-26T00:30:00Z")));
    let every = first("*/30 * * * *", "Europe/Berlin", "2025-10-26T00:20:00Z");
    let expected = ["00:30", "01:00", "01:30", "02:00"].map(|at| format!("2025-10-26T{at}:00Z"));
    assert_eq!(every, expected, "what has no hour goes on");
}

#[test]
fn the_field_that_is_wrong_is_named_with_what_it_may_hold() {
    for (cron, name) in [
        ("60 * * * *", "minute"),
        ("*/0 * * * *", "minute"),
        ("1,,2 * * * *", "minute"),
        ("/5 * * * *", "minute"),
        ("* 24 * * *", "hour"),
        ("* 9-5 * * *", "hour"),
        ("* * 0 * *", "day of month"),
        ("* * L * *", "day of month"),
        ("* * 15W * *", "day of month"),
        ("* * * 13 *", "month"),
        ("* * * MAI *", "month"),
        ("* * * * 8", "day of week"),
        ("* * * * 5#2", "day of week"),
        ("* * * * 5L", "day of week"),
        ("* * * * +MON", "day of week"),
    ] {
        match expression(cron) {
            Err(NotMoments::Field { name: found, .. }) => assert_eq!(found, name, "{cron}"),
            other => panic!("{cron}: {other:?}"),
        }
    }
    let said = expression("0 25 * * *").expect_err("no such hour").to_string();
    assert_eq!(said, "its hour must be *, or 0 to 23, with lists (a,b), ranges (a-b) and steps (*/n)");
}

#[test]
fn what_is_no_five_fields_is_no_expression() {
    for bad in
        ["", " ", "daily", "@every 1h", "@reboot", "0 0 * * * *", "0 0 * * * * 2030", "CRON_TZ=UTC 0 8 * * *"]
    {
        assert_eq!(expression(bad).err(), Some(NotMoments::Shape), "{bad:?}");
    }
    assert_eq!(Moments::new("0 0 30 2 *", "UTC").err(), Some(NotMoments::Never));
}

#[test]
fn an_unknown_time_zone_is_answered_with_one_that_may_be_meant() {
    for (zone, suggestion) in [
        ("Berlin", "Europe/Berlin"),
        ("Germany/Berlin", "Europe/Berlin"),
        ("new york", "America/New_York"),
        ("Local", "Europe/Berlin or UTC"),
        ("", "Europe/Berlin or UTC"),
        ("UTC+2", "Europe/Berlin or UTC"),
        ("../UTC", "Etc/UTC"),
        ("Etc/Unknown", "Europe/Berlin or UTC"),
    ] {
        match super::zone(zone) {
            Err(NotMoments::Zone { suggestion: found }) => assert_eq!(found, suggestion, "{zone:?}"),
            other => panic!("{zone:?}: {other:?}"),
        }
    }
}

/// Expressions that mean something, and texts that may not.
fn expressions() -> impl Strategy<Value = String> {
    let field = r"\*|\*/[1-9]|[0-9]{1,2}|[0-9]-[0-9]{1,2}(/[1-9])?|[1-6],[7-9]|[A-Za-z]{3}";
    let fields = prop::collection::vec(field, 5).prop_map(|fields| fields.join(" "));
    prop_oneof![4 => fields, 1 => ".{0,30}", 1 => r"[-0-9*/,?#LW@ ]{0,30}"]
}

proptest! {
    #[test]
    fn any_text_is_an_expression_or_none_and_moments_follow_each_other(
        cron in expressions(),
        zone in "UTC|Europe/Berlin|America/New_York|Australia/Lord_Howe|Africa/Casablanca|Asia/Kathmandu",
        second in 1_700_000_000_i64..1_900_000_000,
    ) {
        let Ok(moments) = Moments::new(&cron, &zone) else { return Ok(()) };
        let now = Timestamp::from_second(second).expect("a time");
        let next = moments.after(now).expect("moments have no end");
        prop_assert!(next > now);
        prop_assert_eq!(moments.until(next), Some(next));
        let last = moments.until(now).expect("nor a beginning");
        prop_assert!(last <= now);
        prop_assert_eq!(moments.after(last), Some(next), "{} in {} at {}", cron, zone, now);
        let before = last - SignedDuration::from_secs(1);
        prop_assert_eq!(moments.after(before), Some(last), "{} in {} at {}", cron, zone, now);
    }
}
