//! Why there is no certificate.
use crate::pair::Unusable;
use std::{io, path::PathBuf};

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
