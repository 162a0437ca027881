//! Who is told what, and until when.
use super::*;
use futures::FutureExt;
use std::time::Duration;

fn key(name: &str) -> SourceKey {
    SourceKey { namespace: "apps".into(), name: name.into() }
}

fn wanted(name: &str) -> Wanted {
    Wanted {
        kind: "ExternalSource".into(),
        namespace: "apps".into(),
        name: name.into(),
        follow: false,
        tail_lines: None,
        since_seconds: None,
        timestamps: false,
        holder: None,
    }
}

fn followed(name: &str) -> Wanted {
    Wanted { follow: true, ..wanted(name) }
}

/// Logs of a process that works on `ours`.
fn at_work() -> (Logs, AtWork) {
    let logs = Logs::default();
    let at_work = logs.work(|source| source.name.starts_with("ours"));
    (logs, at_work)
}

/// What has come by now.
fn arrived(lines: &mut Lines) -> String {
    let next = || lines.next().now_or_never().flatten();
    let pieces = std::iter::from_fn(next).map(|piece| piece.expect("nobody breaks it off").to_vec());
    String::from_utf8(pieces.flatten().collect()).expect("text")
}

fn told(logs: &Logs, wanted: &Wanted) -> String {
    let mut lines = logs.read(wanted).expect("it is ours");
    let told = arrived(&mut lines);
    assert!(lines.next().now_or_never().is_some_and(|ended| ended.is_none()), "it ends");
    told
}

#[test]
fn only_who_works_on_a_source_tells_of_it_and_only_while_it_does() {
    let logs = Logs::default();
    logs.write(&key("ours"), "before");
    assert_eq!(logs.read(&wanted("ours")).err(), Some(Untold::Elsewhere), "it stands by");
    let at_work = logs.work(|source| source.name == "ours");
    logs.write(&key("ours"), "while");
    assert_eq!(told(&logs, &wanted("ours")), "while\n");
    assert_eq!(logs.read(&wanted("theirs")).err(), Some(Untold::Elsewhere));
    let of_another_kind = Wanted { kind: "Pod".into(), ..wanted("ours") };
    assert_eq!(logs.read(&of_another_kind).err(), Some(Untold::Elsewhere));
    drop(at_work);
    assert_eq!(logs.read(&wanted("ours")).err(), Some(Untold::Elsewhere));
    let _again = logs.work(|source| source.name == "ours");
    assert_eq!(told(&logs, &wanted("ours")), "", "another term has another log");
}

#[test]
fn the_lines_that_are_there_are_chosen_by_number_and_by_age() {
    let now = Timestamp::from_second(1_000).unwrap();
    let line = |age: i64| Line::new(Timestamp::from_second(1_000 - age).unwrap(), age);
    let lines = [30, 20, 10].map(line);
    for (tail_lines, since_seconds, expected) in [
        (None, None, "30\n20\n10\n"),
        (Some(2), None, "20\n10\n"),
        (Some(0), None, ""),
        (Some(u64::MAX), Some(u64::MAX), "30\n20\n10\n"),
        (None, Some(20), "20\n10\n"),
        (Some(1), Some(20), "10\n"),
        (None, Some(9), ""),
    ] {
        let wanted = Wanted { tail_lines, since_seconds, ..wanted("ours") };
        assert_eq!(shown(&lines, &wanted, now), expected, "{tail_lines:?} {since_seconds:?}");
    }
    let wanted = Wanted { timestamps: true, tail_lines: Some(1), ..wanted("ours") };
    assert_eq!(shown(&lines, &wanted, now), "1970-01-01T00:16:30.000000Z 10\n");
}

#[tokio::test]
async fn who_follows_hears_what_is_there_and_what_comes_and_why_it_ends() {
    let (logs, at_work) = at_work();
    logs.write(&key("ours"), "a");
    let mut lines = logs.read(&followed("ours")).unwrap();
    let mut of_another = logs.read(&followed("ours-too")).unwrap();
    assert_eq!(arrived(&mut lines), "a\n");
    logs.write(&key("ours"), "b");
    assert_eq!(arrived(&mut lines), "b\n");
    logs.forget(&key("ours"));
    let end = "-- the log ends here: the source is gone, or this controller works on it no longer\n";
    assert_eq!(arrived(&mut lines), end);
    assert!(lines.next().await.is_none());
    assert_eq!(arrived(&mut of_another), "");
    drop(at_work);
    assert_eq!(arrived(&mut of_another), end);
}

#[tokio::test]
async fn a_slow_follower_is_told_how_many_lines_it_missed_and_in_their_place() {
    let (logs, _at_work) = at_work();
    let mut lines = logs.read(&followed("ours")).unwrap();
    for number in 0..follow::WAITING + 10 {
        logs.write(&key("ours"), number);
    }
    let mut first = String::new();
    for _ in 0..3 {
        first += std::str::from_utf8(&lines.next().await.unwrap().unwrap()).unwrap();
    }
    assert_eq!(first, "0\n1\n2\n");
    logs.write(&key("ours"), "there is room again");
    let rest = arrived(&mut lines);
    assert!(
        rest.ends_with("62\n63\n-- 11 lines were missed: they came faster than they were read\n"),
        "{rest}"
    );
    logs.write(&key("ours"), "after");
    assert_eq!(arrived(&mut lines), "after\n");
}

#[tokio::test]
async fn so_many_follow_at_once_and_who_leaves_makes_room() {
    let (logs, _at_work) = at_work();
    let mut following: Vec<_> = (0..FOLLOWERS).map(|_| logs.read(&followed("ours")).unwrap()).collect();
    assert_eq!(logs.read(&followed("ours-too")).err(), Some(Untold::TooMany));
    assert_eq!(told(&logs, &wanted("ours")), "", "whoever only looks takes no seat");
    following.pop();
    let _seated = logs.read(&followed("ours-too")).expect("a seat");
    drop(following);
    assert_eq!(logs.kept().readers.len(), 1, "nothing is kept of who has gone");
}

#[tokio::test]
async fn nobody_follows_for_ever() {
    let (logs, _at_work) = at_work();
    let (reader, hearing) = follow::channel(0);
    let seat = logs.0.seats.clone().try_acquire_owned().unwrap();
    let until = Instant::now() + Duration::from_millis(50);
    let place = (logs.clone(), key("ours"));
    let lines = Following::new(place, (hearing, seat), false, until).lines();
    reader.hear(&Line::new(Timestamp::now(), "in time"));
    let told: Vec<_> = lines.collect().await;
    assert_eq!(
        told,
        ["in time\n", "-- the log ends here: it was followed for an hour, ask again to go on\n"]
    );
}

#[tokio::test]
async fn a_source_that_never_falls_silent_is_not_followed_for_longer() {
    let (logs, _at_work) = at_work();
    let (reader, hearing) = follow::channel(0);
    let seat = logs.0.seats.clone().try_acquire_owned().unwrap();
    reader.hear(&Line::new(Timestamp::now(), "too late"));
    let following = Following::new((logs, key("ours")), (hearing, seat), false, Instant::now());
    let told: Vec<_> = following.lines().collect().await;
    assert_eq!(told, ["-- the log ends here: it was followed for an hour, ask again to go on\n"]);
}
