//! The pipeline against real sources: every way in which one can answer badly, and what is kept of a good answer.
//! Servers and clients live on loopback and meet nobody else.
#![allow(clippy::unwrap_used, reason = "what a test cannot set up is a failed test")]
mod allowed_hosts;
mod bad_input;
mod conditional;
mod egress;
mod expected_json;
mod good_input;
mod mutual_tls;
mod oci;
mod preview;
mod provenance;
mod proxy;
mod redirects;
mod release;
mod s3;
mod secrets;
mod server;
mod tls;
mod world;
