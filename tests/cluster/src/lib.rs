//! A real control plane for tests, benches and the demo: etcd, kube-apiserver, kube-controller-manager, and Postern as
//! its ServiceAccount with exactly the shipped roles.
//!
//! By hand: `make up`, then `export KUBECONFIG=$PWD/.dev/kubeconfig PATH=$PWD/.dev/bin:$PATH`; `make down` ends it.
//! `cargo run -p cluster -- up --bare` starts everything but Postern, for one that is started from an editor or by hand;
//! `DEV_DIR=…` names another folder than `.dev`, and any number of clusters may run at once.
//!
//! A test of the suite attaches to the cluster that `make test` started:
//!
//! ```no_run
//! # async fn test() -> anyhow::Result<()> {
//! let suite = cluster::Suite::attach().await?;
//! let namespace = suite.namespace("admit-externalsource").await?;
//! namespace.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: example}}").await?;
//! # Ok(())
//! # }
//! ```
//!
//! Start reading at [`cluster`]; what a cluster consists of is in `control_plane`, its addresses are in [`network`].
#![allow(clippy::print_stderr, reason = "its progress lines are for people")]
pub mod authority;
pub mod cluster;
mod control_plane;
pub mod cores;
pub mod demo;
pub mod dev;
pub mod directory;
pub mod endpoints;
pub mod example;
mod flux;
pub mod guard;
pub mod hook_executor;
mod install;
mod interrupt;
mod kubeconfig;
pub mod kubectl;
pub mod kubelet;
pub mod namespace;
pub mod network;
pub mod oci_registry;
mod pki;
pub mod poison;
pub mod postern;
pub mod privilege;
mod process;
mod replica;
pub mod s3_gateway;
pub mod suite;
pub mod supervise;
pub mod usage;
pub mod wardle;

pub use cluster::{Cluster, Options};
pub use directory::Directory;
pub use example::Example;
pub use flux::SourceController;
pub use hook_executor::HookExecutor;
pub use kubectl::Kubectl;
pub use kubelet::Kubelet;
pub use namespace::Namespace;
pub use oci_registry::{Entry, OciRegistry};
pub use postern::Postern;
pub use s3_gateway::S3Gateway;
pub use suite::Suite;
pub use tools::go_client;
pub use wardle::Wardle;
