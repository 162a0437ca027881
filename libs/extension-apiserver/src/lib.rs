//! The contract of a Kubernetes extension (aggregated) API server, as a library.
pub mod access;
pub mod api;
mod discovery;
mod encode;
mod negotiate;
pub mod object;
mod openapi;
pub mod query;
pub mod request;
pub mod selectors;
pub mod serve;
pub mod server;
pub mod status;
pub mod table;
