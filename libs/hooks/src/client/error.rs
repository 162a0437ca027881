//! Why a command did not run to a good end.
use crate::protocol::Ended;
use http::StatusCode;
use std::{io, path::PathBuf};

/// Why a command did not run to a good end. Shows neither what went in nor what came out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The executor's whitelist does not admit it.
    #[error("the executor's whitelist does not admit the command")]
    Denied,
    /// It ran, or was to run, and came to no good end.
    #[error("{}", said(*.0))]
    Ended(Ended),
    /// No connection.
    #[error("the hook executor cannot be reached")]
    Unreachable(#[source] io::Error),
    /// The token cannot be read.
    #[error("the token of the hook executor cannot be read from {path}")]
    NoToken {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It runs as much as it may.
    #[error("the hook executor is busy")]
    Busy,
    /// It does not understand us, or we are not who may ask.
    #[error("the hook executor refuses with {0}")]
    Refused(StatusCode),
    /// The connection broke.
    #[error("the connection to the hook executor broke")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The answer has no end.
    #[error("the answer of the hook executor was cut off")]
    CutOff,
    /// Nothing came when something was due.
    #[error("the hook executor does not answer")]
    NoAnswer,
    /// What came could not be kept.
    #[error("the output of the hook cannot be written to a temporary file")]
    NotKept(#[source] io::Error),
}

impl Error {
    /// Whether it is about the command. Otherwise the executor failed, and no policy of a hook speaks of that.
    pub fn is_of_the_command(&self) -> bool {
        matches!(self, Self::Denied | Self::Ended(_))
    }

    /// Whether running it once more may end better.
    pub fn may_pass(&self) -> bool {
        !matches!(self, Self::Denied | Self::Ended(Ended::NotStarted))
    }
}

fn said(ended: Ended) -> String {
    match ended {
        Ended::Exited(code) => format!("it ended with exit code {code}"),
        Ended::Killed => "it was killed, most often for a limit on memory, files or CPU time".to_owned(),
        Ended::TimedOut => "it was not done in its timeout".to_owned(),
        Ended::OutputTooLarge => "it wrote more than this installation allows".to_owned(),
        Ended::LeftRunning => "it left a process behind that holds its output open".to_owned(),
        Ended::NotStarted => "the executor cannot start the command".to_owned(),
        Ended::Abandoned => "its input was cut off".to_owned(),
    }
}
