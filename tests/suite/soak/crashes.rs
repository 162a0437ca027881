//! `make soak`: Postern is ended at every step of a pass, and at random.
use super::{
    luck::Luck,
    report::{self, Table},
};
use crate::fault_crashes::{Crashes, End, Place, Recovery};
use anyhow::Result;
use std::time::Duration;

/// How often at each step.
const AT_EACH: usize = 25;
const AT_RANDOM: usize = 200;
/// Passes of these sources are over after this.
const LONGEST: u64 = 400;
/// The same with a store in S3.
const LONGEST_IN_S3: u64 = 800;
/// Orphans are looked for after so many crashes.
const BETWEEN: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: run `make soak`"]
async fn no_crash_leaves_anything_half() -> Result<()> {
    endure(Place::Directory, Table::Crashes, LONGEST).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: run `make soak`"]
async fn no_crash_leaves_anything_half_in_s3() -> Result<()> {
    endure(Place::S3, Table::CrashesInS3, LONGEST_IN_S3).await
}

/// Adds a row to the table for each step, and one for random moments, up to so many milliseconds after a pass was asked for.
async fn endure(place: Place, table: Table, longest: u64) -> Result<()> {
    Crashes::lend(place, async |crashes| {
        let mut luck = Luck::today();
        for step in place.steps() {
            let times = vec![End::At(step); AT_EACH];
            measure(crashes, table, &format!("{step:?}"), &times).await?;
        }
        let times: Vec<_> =
            (0..AT_RANDOM).map(|_| End::After(Duration::from_millis(luck.between(0, longest)))).collect();
        measure(crashes, table, &format!("at random, seed {}", luck.seed()), &times).await
    })
    .await
}

async fn measure(crashes: &mut Crashes, table: Table, what: &str, ends: &[End]) -> Result<()> {
    let mut recoveries = Vec::new();
    for (number, end) in ends.iter().enumerate() {
        recoveries.push(crashes.endure(*end).await?);
        if (number + 1).is_multiple_of(BETWEEN) {
            crashes.is_tidy().await?;
        }
    }
    crashes.is_tidy().await?;
    let (served, served_at_most) = summary(&recoveries, |recovery| recovery.served);
    let (done, done_at_most) = summary(&recoveries, |recovery| recovery.done);
    let row = format!(
        "| {} | {what} | {} | {served} ms | {served_at_most} ms | {done} ms | {done_at_most} ms |",
        jiff::Timestamp::now().strftime("%F"),
        ends.len(),
    );
    report::add(table, &row)
}

/// The middle and the longest, in milliseconds.
fn summary(recoveries: &[Recovery], of: fn(&Recovery) -> Duration) -> (u128, u128) {
    let mut times: Vec<_> = recoveries.iter().map(|recovery| of(recovery).as_millis()).collect();
    times.sort_unstable();
    (times[times.len() / 2], times[times.len() - 1])
}
