//! What one process that moved one body reports: Postern's child and the Go twin print the same line of JSON.
use crate::samples::Samples;
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::process::Command;

/// What one pass took.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Outcome {
    /// From the request to the durable name of the blob.
    pub(crate) seconds: f64,
    /// The size of the stored archive.
    pub(crate) bytes: u64,
    /// The SHA-256 of the stored archive, in hexadecimal digits.
    pub(crate) digest: String,
    /// User and system time of the whole process.
    pub(crate) cpu_seconds: f64,
    /// Resident memory before the request.
    pub(crate) rss_before: u64,
    /// The most resident memory of the whole life of the process.
    pub(crate) rss_peak: u64,
}

impl Outcome {
    /// Runs a command that prints an outcome.
    pub(crate) fn of(command: &mut Command) -> Result<Self> {
        let output = command.output().with_context(|| format!("failed to run {command:?}"))?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{command:?} ended with {}: {said}", output.status);
        serde_json::from_slice(&output.stdout).with_context(|| format!("{command:?} reported no outcome"))
    }

    /// By how much memory grew.
    pub(crate) fn growth(&self) -> u64 {
        self.rss_peak.saturating_sub(self.rss_before)
    }
}

/// The outcomes of all rounds of one peer.
pub(crate) struct Outcomes(pub(crate) Vec<Outcome>);

impl Outcomes {
    /// Bytes of the body moved in a second.
    pub(crate) fn rates(&self, body: usize) -> Samples {
        #[expect(clippy::cast_precision_loss, reason = "bodies are far below 2^52 bytes")]
        let body = body as f64;
        self.each(|outcome| body / outcome.seconds)
    }

    pub(crate) fn stored(&self) -> Samples {
        self.each(|outcome| float(outcome.bytes))
    }

    pub(crate) fn growths(&self) -> Samples {
        self.each(|outcome| float(outcome.growth()))
    }

    pub(crate) fn cpu_seconds(&self) -> Samples {
        self.each(|outcome| outcome.cpu_seconds)
    }

    fn each(&self, of: impl Fn(&Outcome) -> f64) -> Samples {
        Samples::new(self.0.iter().map(of).collect())
    }
}

/// A number of bytes as a sample.
#[expect(clippy::cast_precision_loss, reason = "sizes here are far below 2^52 bytes")]
pub(crate) fn float(bytes: u64) -> f64 {
    bytes as f64
}
