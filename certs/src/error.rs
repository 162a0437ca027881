//! Why there is no certificate.
use crate::pair::Unusable;
use std::{error, fmt, io, path::PathBuf};

/// Why a certificate could not be had or kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file is not there, or not for us.
    #[error("failed to read {}", path.display())]
    UnreadableFile {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The files hold no usable pair.
    #[error("the certificate in {} cannot be used", path.display())]
    UnusableFile {
        /// The file with the chain.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: Unusable,
    },
    /// The API server refused, or did not answer.
    #[error("failed to {action} Secret {namespace}/{name}")]
    Secret {
        /// What was tried: read, create or replace.
        action: &'static str,
        /// The namespace of the Secret.
        namespace: String,
        /// The name of the Secret.
        name: &'static str,
        /// What the API server says.
        #[source]
        source: Box<kube::Error>,
    },
    /// A certificate cannot be made, most likely because of a name that none can carry.
    #[error("failed to issue a certificate for {names}")]
    Issue {
        /// The names it should carry.
        names: String,
        /// What is wrong.
        #[source]
        source: rcgen::Error,
    },
    /// What was just issued does not pass our own checks.
    #[error("the certificate just issued cannot be used")]
    UnusableIssue {
        /// What is wrong.
        #[source]
        source: Unusable,
    },
    /// Others changed the Secrets each time before we could.
    #[error("gave up after {attempts} attempts to agree on the Secrets with other writers")]
    Contended {
        /// How often it was tried.
        attempts: usize,
    },
    /// Shutdown came before the first certificate.
    #[error("told to stop before there was a certificate")]
    Interrupted,
}

impl Error {
    /// In one word, from a closed list.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::UnreadableFile { .. } => "UnreadableFile",
            Self::UnusableFile { .. } => "UnusableFile",
            Self::Secret { .. } => "SecretUnavailable",
            Self::Issue { .. } | Self::UnusableIssue { .. } => "IssueFailed",
            Self::Contended { .. } => "Contended",
            Self::Interrupted => "Interrupted",
        }
    }
}

/// An error and its causes on one line, for logs. A cause that the line tells already is left out, and so are the fields
/// of a cause behind its words, which kube's `Display` adds.
pub(crate) struct Chain<'a>(pub(crate) &'a dyn error::Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = self.0.to_string();
        let mut cause = self.0.source();
        while let Some(error) = cause {
            line = line.replace(&format!(" ({error:?})"), "");
            let text = error.to_string();
            if !line.contains(&text) {
                line.push_str(": ");
                line.push_str(&text);
            }
            cause = error.source();
        }
        f.write_str(&line)
    }
}
