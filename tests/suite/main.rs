//! Every test that looks at the whole: of the tree itself, and of Postern on a real control plane.
//!
//! `make test` starts the control plane and runs this binary as its child; the classes are in the names: `admit_`
//! admission, `api_` the aggregated API, `reconcile_` the controller, `e2e_` what a user sees, `fault_` what must
//! survive, `soak` all of it for long. A file a class and kind.
#![expect(clippy::print_stderr, reason = "what a test measures stands beside its result")]
mod admit_external_artifact;
mod admit_external_source;
mod admit_installation;
mod aggregated;
mod api_examples;
mod api_external_source;
mod api_network_policy;
mod api_permissions;
mod api_traces;
mod api_wardle;
mod api_watches;
mod archive;
mod attacks;
mod audit;
mod contract;
mod design;
mod e2e_control_plane;
mod e2e_demo;
mod e2e_flux;
mod e2e_metrics;
mod events;
mod expressions;
mod fault_attacks;
mod fault_canaries;
mod fault_certificates;
mod fault_crashes;
mod fault_egress;
mod fault_external_source;
mod fault_paths;
mod fault_registration;
mod fault_shutdown;
mod fault_wardle;
mod faulty_s3;
mod generators;
mod hook_executor;
mod layers;
mod legacy_token;
mod line;
mod load;
mod network;
mod orphans;
mod pki;
mod process;
mod promises;
mod publication;
mod purity;
mod reconcile_expressions;
mod reconcile_external_source;
mod reconcile_hooks;
mod scene;
mod soak;
mod sources;
mod tree;
mod upstream;
mod watched;
