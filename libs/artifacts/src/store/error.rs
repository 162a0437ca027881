//! Why a store could not do what was asked.
use super::{BlobKey, InvalidKey, s3};
use crate::Digest;
use crds::reasons;
use std::{error::Error as StdError, io, path::PathBuf};
use thiserror::Error;

/// Why a store could not do what was asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The address names no store that this program knows.
    #[error("cannot open store {address}: {why}")]
    Unsupported {
        /// The address as given.
        address: String,
        /// What is wrong with it.
        why: &'static str,
    },

    /// Another process owns the directory.
    #[error("the store in {} is in use by another process; only one may own it", directory.display())]
    InUse {
        /// The directory of the store.
        directory: PathBuf,
    },

    /// Names that cannot be a key.
    #[error("the store was asked for a blob that cannot exist")]
    InvalidKey(#[source] InvalidKey),

    /// No room is left.
    #[error("the store has no room left while {attempt}")]
    Full {
        /// What was attempted.
        attempt: &'static str,
        /// What the store said.
        source: Box<dyn StdError + Send + Sync>,
    },

    /// The store does not accept writes.
    #[error("the store refuses writes while {attempt}")]
    ReadOnly {
        /// What was attempted.
        attempt: &'static str,
        /// What the store said.
        source: Box<dyn StdError + Send + Sync>,
    },

    /// The store does not let this program in, or not so far. What it said is left out: S3 repeats what it was sent.
    #[error("the store refuses {credentials} while {attempt}")]
    AccessDenied {
        /// What was attempted.
        attempt: &'static str,
        /// Where the credentials come from, by the names of environment variables.
        credentials: &'static str,
    },

    /// The stored bytes are not those that were stored.
    #[error("the stored blob {key} was changed or damaged; it is not served")]
    Corrupt {
        /// The key of the blob.
        key: BlobKey,
    },

    /// What was uploaded is not what its key says.
    #[error("the bytes uploaded for {key} have digest {found}")]
    DigestMismatch {
        /// The key that was to be committed.
        key: BlobKey,
        /// The digest of what was uploaded.
        found: Digest,
    },

    /// A stored archive cannot be read as one.
    #[error("the stored blob {key} is no archive of this program: {why}")]
    NotAnArchive {
        /// The key of the blob.
        key: BlobKey,
        /// What is wrong with it.
        why: &'static str,
    },

    /// Anything else.
    #[error("the store failed while {attempt}")]
    Failed {
        /// What was attempted.
        attempt: &'static str,
        /// What the store said.
        source: Box<dyn StdError + Send + Sync>,
    },
}

impl StoreError {
    /// The reason of the condition that reports it.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Full { .. } => reasons::STORE_FULL,
            Self::ReadOnly { .. } => reasons::STORE_READ_ONLY,
            Self::AccessDenied { .. } => reasons::STORE_ACCESS_DENIED,
            _ => reasons::STORAGE_OPERATION_FAILED,
        }
    }

    /// A failed write, sorted by what an operator can do about it.
    pub(super) fn write(attempt: &'static str, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let source = source.into();
        match io_kind(source.as_ref()) {
            Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => Self::Full { attempt, source },
            Some(io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied) => {
                Self::ReadOnly { attempt, source }
            }
            _ => Self::read(attempt, source),
        }
    }

    /// A failed read. Missing rights are no special case here: nobody can read on.
    pub(super) fn read(attempt: &'static str, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let source = source.into();
        let told = source.downcast_ref().and_then(s3::Told::of);
        if is_denied(source.as_ref()) || told.as_ref().is_some_and(s3::Told::is_disbelief) {
            return Self::AccessDenied { attempt, credentials: s3::credentials() };
        }
        Self::Failed { attempt, source: told.map_or(source, Into::into) }
    }
}

impl From<InvalidKey> for StoreError {
    fn from(invalid: InvalidKey) -> Self {
        Self::InvalidKey(invalid)
    }
}

/// Whether S3 answered 401 or 403. A local file that may not be opened is none of it.
fn is_denied(error: &(dyn StdError + 'static)) -> bool {
    use object_store::Error::{PermissionDenied, Unauthenticated};
    let denied = matches!(error.downcast_ref(), Some(PermissionDenied { .. } | Unauthenticated { .. }));
    denied && io_kind(error).is_none()
}

/// The operating system's verdict, however deep object_store wrapped it.
fn io_kind(error: &(dyn StdError + 'static)) -> Option<io::ErrorKind> {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            return Some(io.kind());
        }
        next = cause.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(os_error: i32) -> object_store::Error {
        let source = Box::new(io::Error::from_raw_os_error(os_error));
        object_store::Error::Generic { store: "LocalFileSystem", source }
    }

    #[test]
    fn what_an_operator_must_do_decides_the_reason() {
        let [enospc, edquot, erofs, eacces, eio] = [28, 122, 30, 13, 5];
        for (os_error, reason) in [
            (enospc, reasons::STORE_FULL),
            (edquot, reasons::STORE_FULL),
            (erofs, reasons::STORE_READ_ONLY),
            (eacces, reasons::STORE_READ_ONLY),
            (eio, reasons::STORAGE_OPERATION_FAILED),
        ] {
            assert_eq!(StoreError::write("writing", wrapped(os_error)).reason(), reason, "{os_error}");
        }
    }
}
