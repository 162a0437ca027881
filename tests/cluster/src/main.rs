//! The harness as a program, for the Makefile.
#![allow(clippy::print_stderr, reason = "its progress lines are for people")]
use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use cluster::{Cluster, Directory, Options, authority, demo, dev, guard, privilege, supervise};
use std::{
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};
use tools::Programs;

/// A real control plane with Postern in it, on this machine.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where the cluster's files lie
    #[arg(long, env = "DEV_DIR", default_value = ".dev", global = true)]
    dir: PathBuf,
    #[command(subcommand)]
    command: Subcommands,
}

#[derive(Debug, Subcommand)]
enum Subcommands {
    /// Start the cluster and leave it running; where it runs already, restart Postern
    Up(Up),
    /// Tell the whole story on the cluster, and leave it running
    Demo {
        /// Seconds to pause after each command
        #[arg(long, env = "DEMO_PACE", default_value_t = 1.0)]
        pace: f32,
    },
    /// End the cluster; its logs stay
    Down,
    /// Run the suite on a cluster of its own, or on the one that POSTERN_TEST_KUBECONFIG names
    Test {
        /// Arguments for the test program, such as a part of a test's name
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// End a test run whose parent was killed; `test` starts this by itself
    #[command(hide = true)]
    Guard,
    /// Keep pki/ca.crt true until ended; `up` starts this by itself
    #[command(hide = true)]
    MirrorCa,
}

#[derive(Debug, Args)]
struct Up {
    /// Everything but Postern, which is then started by hand
    #[arg(long)]
    bare: bool,
    /// More flags for Postern, separated by spaces
    #[arg(long, env = "POSTERN_FLAGS", default_value = "", allow_hyphen_values = true)]
    postern_flags: String,
    /// Install the CRDs of Flux: 0 or 1
    #[arg(long, env = "FLUX_CRDS", default_value = "1", value_parser = clap::builder::BoolishValueParser::new())]
    flux_crds: bool,
}

impl Up {
    fn options(&self) -> Options {
        Options {
            postern: !self.bare,
            postern_flags: self.postern_flags.split_whitespace().map(str::to_owned).collect(),
            flux_crds: self.flux_crds,
            scheduler: true,
        }
    }
}

fn main() -> ExitCode {
    execute(Arguments::parse()).unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn execute(arguments: Arguments) -> Result<ExitCode> {
    prepare(&arguments)?;
    tokio::runtime::Runtime::new()?.block_on(run(arguments))
}

/// What must happen before this process may lose the network, and before it has threads.
fn prepare(arguments: &Arguments) -> Result<()> {
    match arguments.command {
        Subcommands::Up(_) | Subcommands::Demo { .. } => {}
        Subcommands::Test { .. } => {
            supervise::compile()?;
            if supervise::is_elsewhere() {
                return Ok(());
            }
        }
        Subcommands::Down | Subcommands::Guard | Subcommands::MirrorCa => return Ok(()),
    }
    Programs::provide()?;
    tools::flux_crds()?;
    privilege::ensure_network_admin(&Directory::at(&arguments.dir)?)?;
    privilege::raise_loopback()
}

async fn run(arguments: Arguments) -> Result<ExitCode> {
    let directory = Directory::at(arguments.dir)?;
    match arguments.command {
        Subcommands::Up(up) => start(&directory, &up.options()).await?,
        Subcommands::Demo { pace } => {
            let options = Options { scheduler: true, ..Options::default() };
            demo::run(&directory, &options, Duration::from_secs_f32(pace)).await?;
        }
        Subcommands::Down => dev::down(&directory).await?,
        Subcommands::Test { arguments } => return Ok(supervise::test(&arguments).await?.into()),
        Subcommands::Guard => guard::watch(&directory).await?,
        Subcommands::MirrorCa => {
            tracing_subscriber::fmt().with_ansi(false).with_writer(std::io::stderr).init();
            authority::mirror(&Cluster::open(directory).await?).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn start(directory: &Directory, options: &Options) -> Result<()> {
    let began = Instant::now();
    dev::up(directory, options).await?;
    let folder = directory.path().display();
    eprintln!("up after {:.1} s; next:", began.elapsed().as_secs_f32());
    eprintln!("  export KUBECONFIG={folder}/kubeconfig PATH={folder}/bin:$PATH");
    eprintln!("  kubectl get externalsources --all-namespaces");
    if privilege::is_inside() {
        eprintln!(
            "without root, its addresses exist in a network namespace of their own; kubectl enters it by itself"
        );
    }
    Ok(())
}
