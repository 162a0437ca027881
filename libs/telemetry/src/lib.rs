//! Logs, metrics, readiness and the admin endpoints: what an operator sees of a running Postern.
//!
//! Imports no other crate of ours and knows no Kubernetes. Start with [`admin`], which ties the others together.
pub mod admin;
mod chain;
pub mod logs;
pub mod metrics;
pub mod ready;

pub use chain::Chain;
