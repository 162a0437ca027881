//! From an address to a stored, verified artifact: plan, fetch, pack, store, and reading back.
pub mod egress;
pub mod error;
mod digest;
pub mod plan;
mod revision;
pub mod store;

pub use digest::{Digest, Hasher, InvalidDigest};
pub use error::{Chain, Error, Retry};
pub use revision::{revision, short_revision};
pub use store::{Blob, BlobInfo, BlobKey, InvalidKey, SourceKey, Store, StoreError, Upload};
