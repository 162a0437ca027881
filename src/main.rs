//! The program: reads the command line and wires the parts of a role together. What the parts do is their crates'.
mod admin;
mod api;
mod cluster;
mod endpoint;
mod flags;
mod listen;
mod ready;
mod reconciler;
mod role;
mod run;
mod shutdown;
mod size;
mod tasks;
mod tls;

use anyhow::{Context as _, anyhow};
use clap::Parser as _;
use flags::{Cli, Flags, Print};
use role::Role;
use std::{
    io::{self, Write as _},
    process::ExitCode,
};
use telemetry::logs;

/// 0: asked to stop. 1: could not start, or failed. 2: flags that make no sense.
fn main() -> ExitCode {
    let ended = match Cli::parse().command.role() {
        Ok((role, flags)) => start(role, flags),
        Err(print) => show(print),
    };
    if let Err(error) = ended {
        // A closed standard error is no reason to panic.
        let _closed = writeln!(io::stderr(), "postern: {error:#}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn start(role: Role, flags: Flags) -> anyhow::Result<()> {
    logs::init(flags.logs.format, &flags.logs.level)?;
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.install_default().map_err(|_| anyhow!("another crypto provider is installed already"))?;
    let runtime = tokio::runtime::Runtime::new().context("failed to start the runtime")?;
    let ended = runtime.block_on(run::run(role, flags));
    // Whatever still blocks a thread has had its time.
    runtime.shutdown_background();
    ended
}

fn show(print: Print) -> anyhow::Result<()> {
    let text = match print {
        Print::Crds => crds::manifests::yaml().context("failed to write the CRDs")?,
        Print::Version => format!("postern {}\n", env!("CARGO_PKG_VERSION")),
    };
    io::stdout().write_all(text.as_bytes()).context("failed to write to standard output")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_manifests_are_what_the_program_prints() {
        let printed = crds::manifests::yaml().unwrap();
        assert_eq!(printed, include_str!("../crds/manifests/crds.yaml"), "run `make generate`");
    }
}
