//! Why a registry gives no artifact.
use crate::Digest;
use crds::reasons;
use thiserror::Error;

/// Why a registry gives no artifact. What was asked for must change, or the registry, or the spec: trying again soon is of no use.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The registry wants to know who asks, and nobody has said.
    #[error("{host} asks for credentials; name a Secret that holds them in secretRef")]
    CredentialsWanted {
        /// The host in question.
        host: String,
    },

    /// A registry asks for credentials in a way that they may not be given.
    #[error("{host} asks for credentials {problem}")]
    ChallengeRefused {
        /// The host in question.
        host: String,
        /// Why they are not given, in words.
        problem: &'static str,
    },

    /// The registry has no artifact of that name.
    #[error("{host} has no {what} in this repository")]
    NoSuchArtifact {
        /// The host in question.
        host: String,
        /// Which, in the words of the spec.
        what: String,
    },

    /// What the registry calls the artifact is none that can be fetched.
    #[error("{host} has an artifact that cannot be used: {problem}")]
    UnexpectedManifest {
        /// The host in question.
        host: String,
        /// What is wrong with it.
        problem: String,
    },

    /// Nobody who may has signed the artifact.
    #[error("the artifact {digest} of {host} is not verified: {problem}")]
    NotVerified {
        /// The host in question.
        host: String,
        /// The digest of its manifest.
        digest: Digest,
        /// What was found instead.
        problem: String,
    },
}

impl RegistryError {
    /// The reason for conditions, events and metrics; one of [`crds::reasons`].
    pub fn reason(&self) -> &'static str {
        match self {
            Self::CredentialsWanted { .. } | Self::ChallengeRefused { .. } => reasons::UNAUTHORIZED,
            Self::NoSuchArtifact { .. } => reasons::NOT_FOUND,
            Self::UnexpectedManifest { .. } => reasons::UNEXPECTED_MANIFEST,
            Self::NotVerified { .. } => reasons::VERIFICATION_ERROR,
        }
    }
}
