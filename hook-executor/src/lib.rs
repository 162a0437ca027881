//! Runs the commands that hooks ask for: beside the controller, without anything of it.
//!
//! A sidecar of its own, so that what a command can reach is what its container holds: no token of Kubernetes, no key, no
//! store. [`Executor`] answers HTTP on a Unix socket or the loopback interface, as [`hooks::protocol`] says; what may run is
//! in [`hooks::Whitelist`]; `run` starts a command, moves its bytes and sees to its end; `orphans` ends what commands leave
//! behind. Start reading at `executor.rs`.
mod executor;
mod listener;
mod metrics;
mod orphans;
mod plain;
mod program;
mod run;
mod stream;

pub use executor::{Executor, Options};
pub use listener::Listener;
pub use program::forgo_privileges;
pub use run::Limits;
