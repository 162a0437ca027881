//! Commands around a fetch: which may run ([`whitelist`]), what one is ([`command`]), how two processes speak of it
//! ([`protocol`]), and asking the one that runs them ([`client`]).
//!
//! The executor lies in a crate of its own, `hook-executor`: the controller never starts a process. Both check the same
//! whitelist, so that neither has to believe the other; `installation` reads its file. Of our crates it imports `crds`. Start reading at
//! [`client::Client::run`].
pub mod client;
pub mod command;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod protocol;
pub mod whitelist;

pub use client::{Address, Client, Error};
pub use command::Command;
pub use whitelist::{Denied, Whitelist};
