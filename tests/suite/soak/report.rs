//! The lines that a run adds to `docs/soak.md`.
use super::{SOURCES, Storm, samples::Samples, weather::Seen};
use crate::tree;
use anyhow::{Context, Result};
use std::{
    fs,
    io::{self, Write},
    time::Duration,
};

/// What a run showed.
pub(super) struct Report {
    pub(super) duration: Duration,
    pub(super) seed: u64,
    pub(super) storm: Storm,
    pub(super) weather: Seen,
    pub(super) converged: Duration,
    pub(super) samples: Samples,
    pub(super) writes: usize,
    pub(super) asked: usize,
}

impl Report {
    /// Adds the line, whatever the verdict on it will be.
    pub(super) fn write(&self) -> Result<()> {
        add(Table::Sources, &self.line())
    }

    fn line(&self) -> String {
        let (Seen { changes, faults }, Storm { kills, outages }) = (&self.weather, &self.storm);
        let ((least, most), slope) = (self.samples.memory(), self.samples.slope());
        let (first, last) = self.samples.descriptors();
        format!(
            "| {} | {:.0} min | {SOURCES} | {changes} | {faults} | {kills} | {outages} | {} s | {least:.0}–{most:.0} MiB | \
             {slope:+.1} MiB/h | {first} → {last} | {} in {} requests | {} |",
            jiff::Timestamp::now().strftime("%F"),
            self.duration.as_secs_f64() / 60.0,
            self.converged.as_secs(),
            self.writes,
            self.asked,
            self.seed,
        )
    }
}

/// A table of `docs/soak.md`, by the order in which they stand there.
#[derive(Clone, Copy)]
pub(super) enum Table {
    Sources,
    Crashes,
    CrashesInS3,
    Attacks,
    AttacksOnThePeer,
}

/// Adds a row at the end of a table.
pub(super) fn add(table: Table, row: &str) -> Result<()> {
    progress(row);
    let path = tree::root().join("docs/soak.md");
    let text = fs::read_to_string(&path).context("failed to read docs/soak.md")?;
    Ok(fs::write(path, with_row(&text, table as usize, row))?)
}

fn with_row(text: &str, table: usize, row: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let is_row = |at: usize| lines.get(at).is_some_and(|line| line.starts_with('|'));
    let ends: Vec<usize> = (0..lines.len()).filter(|at| is_row(*at) && !is_row(at + 1)).collect();
    let (before, after) = lines.split_at(ends[table] + 1);
    [before, &[row], after].concat().join("\n") + "\n"
}

#[test]
fn a_row_goes_to_the_end_of_its_table() {
    let text = "# t\n\n| a |\n|---|\n| 1 |\n\nwords\n\n| b |\n|---|\n";
    assert_eq!(with_row(text, 0, "| 2 |"), text.replace("| 1 |\n", "| 1 |\n| 2 |\n"));
    assert_eq!(with_row(text, 1, "| 3 |"), format!("{text}| 3 |\n"));
}

/// Tells where the run is, past the test program, which shows what is printed at the end only.
pub(super) fn progress(line: &str) {
    // Nobody listening is no reason to end a soak.
    let _closed = writeln!(io::stderr(), "soak: {line}");
}
