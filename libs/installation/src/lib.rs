//! What the operator of an installation allows, as its flags and files say now.
//!
//! Who admits writes and who works on sources ask the same [`Policies`], so that both say the same. What a file says counts
//! about a second after it has changed: [`Reload`] reads it, [`Live`] is what it said last. Of our crates it imports
//! `crds`, `expressions`, `hooks` and `telemetry`. Start with [`Policies`].
mod file;
mod policies;

pub use file::{Live, OfFile, Reload, Unusable};
pub use policies::{Policies, Ruling};
