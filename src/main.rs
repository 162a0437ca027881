//! The program: reads the command line and wires the parts of a role together. What the parts do is their crates'.
mod admin;
mod api;
mod audit;
mod cluster;
mod descriptors;
mod doctor;
mod endpoint;
mod flags;
mod hook_executor;
mod listen;
mod policies;
mod previewer;
mod ready;
mod reconciler;
mod role;
mod run;
mod shutdown;
mod size;
mod store;
mod tasks;
mod tls;

use anyhow::{Context as _, anyhow};
use flags::{Cli, Command, DoctorFlags, ExecutorFlags, Flags};
use role::Role;
use std::{
    io::{self, Write as _},
    num::NonZero,
    process::ExitCode,
    thread,
};
use telemetry::{Chain, logs};
use tokio::runtime::{Builder, Runtime};

/// kube tells of each retry, and calls each failed request an error. We report both ourselves, with what they mean.
const QUIET: &str = "kube_runtime=error,kube_client=error,kube_client::client::builder=off";

/// 0: asked to stop. 1: could not start, or failed. 2: flags that make no sense.
fn main() -> ExitCode {
    let ended = match Cli::read().command {
        Command::Apiserver(flags) => start(Role::Apiserver, *flags),
        Command::Webhook(flags) => start(Role::Webhook, *flags),
        Command::Controller(flags) => start(Role::Controller, *flags),
        Command::All(flags) => start(Role::All, *flags),
        Command::HookExecutor(flags) => execute(&flags),
        Command::Evaluate => return expressions::serve(),
        Command::Doctor(flags) => return examined(flags),
        Command::Crds => {
            crds::manifests::yaml().context("failed to write the CRDs").and_then(|text| print(&text))
        }
        Command::Version => print(concat!("postern ", env!("CARGO_PKG_VERSION"), "\n")),
    };
    ended.map_or_else(|error| failed(&error), |()| ExitCode::SUCCESS)
}

fn failed(error: &anyhow::Error) -> ExitCode {
    // A closed standard error is no reason to panic.
    let _closed = writeln!(io::stderr(), "postern: {}", Chain(error.as_ref()));
    ExitCode::FAILURE
}

/// 0: nothing found. 1: something, or it could not be looked for.
fn examined(flags: DoctorFlags) -> ExitCode {
    let found = runtime().and_then(|runtime| runtime.block_on(doctor::run(flags)));
    match found.and_then(|(text, is_well)| print(&text).map(|()| is_well)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => failed(&error),
    }
}

/// Half of the processors do all that waits: more threads would mostly wake each other. What computes or blocks is on other threads,
/// and artifacts are served by [`tasks::Tasks::spawn_apart`].
fn runtime() -> anyhow::Result<Runtime> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.install_default().map_err(|_| anyhow!("another crypto provider is installed already"))?;
    let half = thread::available_parallelism().map_or(1, NonZero::get).div_ceil(2);
    let runtime = Builder::new_multi_thread().worker_threads(half).enable_all().build();
    runtime.context("failed to start the runtime")
}

fn start(role: Role, flags: Flags) -> anyhow::Result<()> {
    logs::init(flags.logs.format, &format!("{QUIET},{}", flags.logs.level))?;
    let runtime = runtime()?;
    finish(runtime, run::run(role, flags))
}

fn execute(flags: &ExecutorFlags) -> anyhow::Result<()> {
    logs::init(flags.logs.format, &flags.logs.level)?;
    ::hook_executor::forgo_privileges().context("failed to forgo privileges that programs may have")?;
    finish(Runtime::new().context("failed to start the runtime")?, hook_executor::run(flags))
}

fn finish(runtime: Runtime, work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    descriptors::raise_limit();
    let ended = runtime.block_on(work);
    // Whatever still blocks a thread has had its time.
    runtime.shutdown_background();
    ended
}

/// Not `print!`, which panics when nobody reads.
fn print(text: &str) -> anyhow::Result<()> {
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
