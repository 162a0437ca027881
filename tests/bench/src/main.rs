//! `make bench`: how fast and how small Postern is, beside peers that do the same in the same run.
//!
//! `bench run` measures everything and writes `docs/benchmarks.md`: [`packing`] one large body, [`s3`] the same into S3, [`hooks`]
//! through a command, [`sources`] many small ones, [`poison`] a thousand of which some are
//! broken, [`sweep`] a thousand that did not change, [`buckets`] a thousand that did beside
//! Flux's, [`files`] what is served of them, [`startup`] a start, [`subresource`] one read, [`wardle`] the library
//! of the API server beside Go's. [`data`] is what the first ones move, [`disk`] where files lie, [`report`] the page. `bench pipeline` is the child that one round is measured in, and `bench source`
//! the server for who wants to repeat a line by hand.
#![allow(clippy::print_stderr, reason = "its progress lines are for people")]
mod audit;
mod buckets;
mod data;
mod delivery;
mod disk;
mod files;
mod fleet;
mod hooks;
mod outcome;
mod packing;
mod pipeline;
mod poison;
mod process;
mod report;
mod run;
mod s3;
mod samples;
mod setting;
mod source;
mod sources;
mod startup;
mod subresource;
mod sweep;
mod wardle;
mod watching;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use cluster::cores::Cores;
use source::Source;
use std::{
    fs,
    io::{self, Write},
    net::SocketAddr,
    path::PathBuf,
};
use tokio::runtime::Runtime;
use url::Url;

#[derive(Parser)]
#[command(about = "Measures Postern beside its peers")]
struct Flags {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the benches and writes the page.
    Run {
        /// Where the page goes; standard output if unset.
        #[arg(long)]
        out: Option<PathBuf>,
        #[command(flatten)]
        options: run::Options,
    },
    /// Serves what the benches fetch, until it is ended.
    Source {
        /// Where to listen.
        #[arg(long)]
        listen: SocketAddr,
    },
    /// Runs one pass of the pipeline and prints what it took.
    Pipeline {
        /// What to fetch.
        #[arg(long)]
        url: String,
        /// An empty store; what S3 needs besides comes from the environment.
        #[arg(long)]
        store: Url,
        /// Sends the data through `cat`, which this executor of hooks runs.
        #[arg(long)]
        hook_executor: Option<::hooks::Address>,
    },
    /// Puts one body into S3 as it is, and prints what it took.
    Put {
        /// What to fetch first.
        #[arg(long)]
        url: String,
        /// Where to put it, as `s3://bucket/key`; the rest comes from the environment.
        #[arg(long)]
        to: Url,
    },
}

fn main() -> Result<()> {
    match Flags::parse().command {
        Command::Run { out, options } => {
            let mounts = run::enter()?;
            let take = |page: &str| match &out {
                Some(path) => {
                    fs::write(path, page).with_context(|| format!("failed to write {}", path.display()))
                }
                None => Ok(io::stdout().write_all(page.as_bytes())?),
            };
            runtime()?.block_on(run::page(&options, mounts, take))
        }
        Command::Source { listen } => runtime()?.block_on(async {
            Source::start(listen).await?;
            std::future::pending().await
        }),
        Command::Pipeline { url, store, hook_executor } => {
            let outcome = runtime()?.block_on(pipeline::once(url, &store, hook_executor))?;
            Ok(writeln!(io::stdout(), "{}", serde_json::to_string(&outcome)?)?)
        }
        Command::Put { url, to } => {
            let outcome = runtime()?.block_on(s3::put(&url, &to))?;
            Ok(writeln!(io::stdout(), "{}", serde_json::to_string(&outcome)?)?)
        }
    }
}

/// From now on this process has threads, on two processors.
fn runtime() -> Result<Runtime> {
    Cores::two()?.keep_to()?;
    Ok(Runtime::new()?)
}
