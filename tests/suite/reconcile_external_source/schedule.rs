//! Sources with a schedule: nothing by themselves outside, everything that somebody asks for, and each moment kept.
use crate::{
    scene::Scene,
    sources::{self, condition, ready, revision, until, until_in},
    upstream::{Answer, Upstream},
};
use anyhow::{Context, Result};
use crds::{
    conditions,
    schedule::{Calendar, Schedule},
};
use jiff::{SignedDuration, Timestamp, Zoned, tz::TimeZone};
use serde_json::json;
use std::time::Duration;

/// Longer than a minute, however an interval is moved or a moment has just passed.
const OVER_A_MINUTE: Duration = Duration::from_secs(75);

/// Half a day away, for an hour. A test is over long before.
fn closed() -> Schedule {
    let moment: Zoned = (Timestamp::now() + SignedDuration::from_hours(12))
        .to_zoned(TimeZone::get("Asia/Kolkata").expect("known"));
    Schedule {
        cron: format!("{} {} * * *", moment.minute(), moment.hour()),
        time_zone: "Asia/Kolkata".into(),
        window: "1h".into(),
    }
}

impl Scene {
    /// The source `one`, with that schedule and interval.
    async fn scheduled(schedule: &Schedule, interval: &str) -> Result<Self> {
        let scene = Self::without_source(Answer::data("1")).await?;
        let change = |spec: &mut serde_json::Value| {
            spec["interval"] = json!(interval);
            spec["schedule"] = json!([schedule]);
        };
        scene.apply_changed(change).await?;
        Ok(scene)
    }
}

#[tokio::test]
async fn outside_its_window_a_source_is_not_fetched_though_its_interval_is_over() -> Result<()> {
    let schedule = closed();
    let scene = Scene::scheduled(&schedule, "1m").await?;
    let source = scene.ready().await?;
    let calendar = Calendar::of(&[schedule], Duration::from_secs(30)).context("a good schedule")?;
    let told = source.status.as_ref().and_then(|status| status.next_fetch_time.clone()).context("next")?;
    assert_eq!(told.0, calendar.next(Timestamp::now()));

    // Both intervals are moved by up to three seconds; this one begins by more than both together later.
    tokio::time::sleep(Duration::from_secs(7)).await;
    let unscheduled = Upstream::start(Answer::data("1")).await;
    let manifest = sources::manifest("two", &unscheduled.url(), "").replace("interval: 10m", "interval: 1m");
    scene.namespace.apply(&manifest).await?;
    let before = revision(&sources::until_ready(&scene.sources, "two").await?);
    unscheduled.answer(Answer::data("2"));
    until_in(OVER_A_MINUTE, &scene.sources, "two", |source| revision(source) != before).await?;

    assert_eq!(scene.upstream.asked().len(), 1);
    let rested = scene.sources.get("one").await?;
    assert_eq!(rested.metadata.resource_version, source.metadata.resource_version, "and nothing is written");
    Ok(())
}

#[tokio::test]
async fn outside_its_window_a_request_and_a_changed_spec_count_at_once_and_ready_stays() -> Result<()> {
    let scene = Scene::scheduled(&closed(), "1m").await?;
    let before = scene.ready().await?;
    scene.upstream.answer(Answer::data("2"));
    let after = scene.request("now").await?;
    assert_ne!(revision(&after), revision(&before));

    scene.request_through_flux("hook").await?;
    assert_eq!(scene.upstream.asked().len(), 3);

    let path = r#"{"spec":{"destinationPath":"config.txt"}}"#;
    scene.namespace.kubectl(&["patch", "externalsource", "one", "--type=merge", "--patch", path]).await?;
    let moved = until(&scene.sources, "one", |source| revision(source) != revision(&after)).await?;
    let condition = |type_| condition(&moved, type_);
    assert_eq!(ready(&moved).context("Ready")?.status, "True");
    assert_eq!((condition(conditions::RECONCILING), condition(conditions::STALLED)), (None, None));
    let status = moved.status.as_ref().context("status")?;
    assert_eq!(status.observed_generation, moved.metadata.generation);
    assert!(
        status.next_fetch_time.as_ref().context("next")?.0
            > Timestamp::now() + SignedDuration::from_hours(11)
    );
    Ok(())
}

#[tokio::test]
async fn a_moment_brings_new_data_long_before_the_interval_is_over() -> Result<()> {
    let every_minute = Schedule { cron: "* * * * *".into(), time_zone: "UTC".into(), window: "0s".into() };
    let scene = Scene::scheduled(&every_minute, "24h").await?;
    let before = scene.ready().await?;
    scene.upstream.answer(Answer::data("2"));
    until_in(OVER_A_MINUTE, &scene.sources, "one", |source| revision(source) != revision(&before)).await?;
    Ok(())
}
