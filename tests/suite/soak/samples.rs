//! Memory and open files of one process over time.
use crate::process;
use anyhow::Result;
use cluster::usage;
use std::time::Duration;

#[expect(clippy::cast_precision_loss, reason = "mebibytes of one process")]
pub(super) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// What was seen, in the order of time.
#[derive(Debug, Default)]
pub(super) struct Samples(Vec<Sample>);

#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Duration,
    /// In MiB.
    memory: f64,
    descriptors: usize,
}

impl Samples {
    pub(super) fn take(&mut self, pid: i32, at: Duration) -> Result<()> {
        let memory = mebibytes(usage::memory(pid)?);
        self.0.push(Sample { at, memory, descriptors: process::descriptors(pid)? });
        Ok(())
    }

    /// By how many MiB the last third is above the second, by their medians: the first warms up.
    pub(super) fn growth(&self) -> f64 {
        let third = self.0.len() / 3;
        median(&self.0[2 * third..]) - median(&self.0[third..2 * third])
    }

    /// The same as MiB an hour.
    pub(super) fn slope(&self) -> f64 {
        let whole = self.0.last().map_or(Duration::ZERO, |last| last.at);
        self.growth() / (whole.as_secs_f64() / 3.0) * 3_600.0
    }

    /// The least and the most memory, in MiB.
    pub(super) fn memory(&self) -> (f64, f64) {
        let memory = self.0.iter().map(|sample| sample.memory);
        memory.fold((f64::MAX, 0.0), |(least, most), now| (least.min(now), most.max(now)))
    }

    /// The first and the last count of open files.
    pub(super) fn descriptors(&self) -> (usize, usize) {
        let of = |sample: Option<&Sample>| sample.map_or(0, |sample| sample.descriptors);
        (of(self.0.first()), of(self.0.last()))
    }

    pub(super) fn more_descriptors(&self) -> usize {
        let (first, last) = self.descriptors();
        last.saturating_sub(first)
    }
}

fn median(samples: &[Sample]) -> f64 {
    let mut memory: Vec<f64> = samples.iter().map(|sample| sample.memory).collect();
    memory.sort_by(f64::total_cmp);
    memory.get(memory.len() / 2).copied().unwrap_or_default()
}
