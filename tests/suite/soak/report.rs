//! The line that a run adds to `docs/soak.md`.
use super::{SOURCES, Storm, samples::Samples, weather::Seen};
use crate::tree;
use anyhow::{Context, Result};
use std::{
    fs::OpenOptions,
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
    /// Appends the line, whatever the verdict on it will be.
    pub(super) fn write(&self) -> Result<()> {
        let line = self.line();
        progress(&line);
        let path = tree::root().join("docs/soak.md");
        let mut file = OpenOptions::new().append(true).open(&path).context("failed to open docs/soak.md")?;
        Ok(writeln!(file, "{line}")?)
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

/// Tells where the run is, past the test program, which shows what is printed at the end only.
pub(super) fn progress(line: &str) {
    // Nobody listening is no reason to end a soak.
    let _closed = writeln!(io::stderr(), "soak: {line}");
}
