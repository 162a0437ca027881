//! `make test`: the parent of the whole suite. It starts one cluster, runs `cargo test` as its child, and ends every
//! process that either started: on success, failure, a panic, Ctrl-C, and (by its guard) when it is itself killed.
use crate::{
    cluster::{self, Cluster, Options},
    dev,
    directory::Directory,
    guard::Guard,
    interrupt::{EXIT_CODE, Interrupts},
    process::Process,
    suite::{CLUSTER_DIR, KUBECONFIG, RUN_DIR},
};
use anyhow::{Context, Result, ensure};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use std::{
    os::unix::process::CommandExt,
    process::{Child, Command},
};

/// The recorded name of the child.
pub(crate) const SUITE: &str = "suite";
const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// Tests wait far more than they compute.
const TESTS_AT_ONCE: &str = "8";

/// Compiles the suite, so that its time and its errors come before a cluster is started.
///
/// # Errors
/// It does not compile.
pub fn compile() -> Result<()> {
    let status = cargo_test().arg("--no-run").status().context("failed to run cargo")?;
    ensure!(status.success(), "the suite does not compile");
    Ok(())
}

/// Whether the suite runs against a cluster that is not ours: then nothing is started, and nothing built for it.
pub fn is_elsewhere() -> bool {
    std::env::var_os(KUBECONFIG).is_some()
}

/// Runs the suite with these arguments for its test program; the code is what to exit with.
///
/// # Errors
/// The cluster does not start or does not end.
pub async fn test(arguments: &[String]) -> Result<u8> {
    let run = Directory::at(std::env::temp_dir().join(format!("postern-test-{}", std::process::id())))?;
    run.create()?;
    let guard = Guard::start(&run)?;
    let code = run_suite(&run, arguments).await;
    print_skipped(&run);
    let keep = std::env::var_os("KEEP").is_some_and(|keep| keep == "1");
    if keep {
        for cluster in clusters(&run) {
            eprintln!("kept: DEV_DIR={} make down", cluster.path().display());
        }
    } else {
        end(&run).await?;
    }
    guard.dismiss()?;
    match (&code, keep) {
        (Ok(0 | EXIT_CODE), false) => run.remove()?,
        _ => eprintln!("logs lie in {}", run.path().display()),
    }
    code
}

/// Ends every cluster of a run.
pub(crate) async fn end(run: &Directory) -> Result<()> {
    for directory in clusters(run) {
        cluster::stop(&directory).await?;
    }
    Ok(())
}

async fn run_suite(run: &Directory, arguments: &[String]) -> Result<u8> {
    let mut interrupts = Interrupts::listen()?;
    let mut command = cargo_test();
    command.arg("--").args(arguments).process_group(0);
    command.env("POSTERN_TEST_SKIPPED", run.file("skipped"));
    if std::env::var_os("RUST_TEST_THREADS").is_none() {
        command.env("RUST_TEST_THREADS", TESTS_AT_ONCE);
    }
    if !is_elsewhere() {
        let Some(cluster) = interrupts.unless(start(run)).await? else { return Ok(EXIT_CODE) };
        command.env(CLUSTER_DIR, cluster.directory().path()).env(RUN_DIR, run.path());
        command.envs(dev::env(&cluster));
    }
    let child = command.spawn().context("failed to run cargo")?;
    Process::new(run, SUITE).record(Pid::from_raw(child.id().try_into()?))?;
    finish(child, &mut interrupts).await
}

async fn start(run: &Directory) -> Result<Cluster> {
    Cluster::start(Directory::at(run.file("cluster"))?, &Options::default()).await
}

/// Waits for the child; a signal that would end us is passed on to it and to everything that it started.
async fn finish(mut child: Child, interrupts: &mut Interrupts) -> Result<u8> {
    let group = Pid::from_raw(child.id().try_into()?);
    let mut finished = tokio::task::spawn_blocking(move || child.wait());
    let mut interrupted = false;
    loop {
        tokio::select! {
            status = &mut finished => {
                let code = status??.code().and_then(|code| u8::try_from(code).ok());
                return Ok(if interrupted { EXIT_CODE } else { code.unwrap_or(1) });
            }
            () = interrupts.next() => {}
        }
        let signal = if interrupted { Signal::SIGKILL } else { Signal::SIGTERM };
        interrupted = true;
        let _gone_is_fine = killpg(group, signal);
    }
}

fn cargo_test() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(WORKSPACE).args(["test", "--workspace", "--test", SUITE]);
    command
}

/// The folders in which clusters of this run lie, the suite's own first.
fn clusters(run: &Directory) -> Vec<Directory> {
    let entries = std::fs::read_dir(run.path()).into_iter().flatten().flatten();
    let mut found: Vec<_> =
        entries.map(|entry| entry.path()).filter(|path| path.join("programs").is_dir()).collect();
    found.sort();
    found.iter().filter_map(|path| Directory::at(path).ok()).collect()
}

fn print_skipped(run: &Directory) {
    let Ok(list) = std::fs::read_to_string(run.file("skipped")) else { return };
    eprintln!("{} skipped:\n{}", list.lines().count(), list.trim_end());
}
