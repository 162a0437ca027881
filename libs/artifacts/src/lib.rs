//! From an address to a stored, verified artifact: plan, fetch, pack, store, and reading back.
pub mod egress;
pub mod error;
mod fetch;
mod digest;
mod entry_path;
pub mod pack;
pub mod pipeline;
pub mod plan;
mod revision;
pub mod store;

pub use digest::{Digest, Hasher, InvalidDigest};
pub use entry_path::{EntryPath, InvalidPath};
pub use error::{Chain, Error, Retry};
pub use revision::{revision, short_revision};
pub use store::{Blob, BlobInfo, BlobKey, InvalidKey, SourceKey, Store, StoreError, Upload};
