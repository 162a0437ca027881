//! From an address to a stored, verified artifact, and back to its files.
//!
//! The way of the data: [`plan`] works out from a spec and its Secrets what to do; `fetch` asks the source, through the
//! guard that [`egress`] describes; `transform` lets hooks and expressions change request and bytes; [`unpack`] takes apart what came as
//! an archive; [`pack`] makes a reproducible one; [`store`] keeps it by its digest. [`pipeline`] runs them as one stream:
//! no large body is ever whole in memory, and nothing is visible before it is known to be right. [`error`] says what went
//! wrong and when to try again, [`failpoint`] where tests may end a process. [`provenance`] says where an archive came from, and
//! [`trace`] what a pass does while it does it.
//! [`read`] gets files back out, [`compare`] says what differs between two archives, and [`preview`] what a pass would store.
//!
//! Of our crates it imports `crds`, `expressions`, `hooks` and `telemetry`, and it knows neither a Kubernetes client nor an HTTP server.
//! Start reading at [`pipeline::Pipeline::run`].
pub mod compare;
mod digest;
pub mod egress;
pub mod error;
pub mod failpoint;
mod fetch;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod generators;
pub mod pack;
pub mod pipeline;
pub mod plan;
pub mod preview;
pub mod provenance;
pub mod read;
mod revision;
mod s3_codes;
pub mod store;
pub mod trace;
mod transform;
pub mod unpack;

pub use crds::entry_path::{EntryPath, InvalidPath};
pub use digest::{Digest, Hasher, InvalidDigest, InvalidTarDigest, TarDigest, TarHasher};
pub use error::{Error, RegistryError, Retry};
pub use revision::{revision, short_revision, shortened};
pub use store::{Blob, BlobInfo, BlobKey, InvalidKey, SourceKey, Store, StoreError, Upload};
pub use transform::{HookFailure, Ignored, List};

/// The most of one thing on its way (a body, an unpacked archive, an upload) that waits in memory, in bytes. Most things are smaller,
/// and a file costs more than they do; with as many passes at once as are usual, that is a few MiB.
const SMALL: usize = 256 << 10;
