//! One attack as a process: it goes on until the input ends, so that nobody who dies leaves it behind, and then says how often it
//! struck.
use anyhow::{Context, Result};
use attackers::{Attack, Band, Target};
use clap::Parser;
use std::{
    fs,
    io::{self, Read, Write},
    net::SocketAddrV4,
    path::PathBuf,
};
use tokio::runtime;

/// Attacks a server of wardle.example.com until the standard input ends.
#[derive(Debug, Parser)]
struct Flags {
    /// What to do to it
    attack: Attack,
    /// Where it listens, with TLS
    #[arg(long)]
    address: SocketAddrV4,
    /// The certificate of the authority that it is trusted by, PEM
    #[arg(long)]
    bundle: PathBuf,
    /// The certificate and key of a user who has the rights of the others, PEM
    #[arg(long)]
    identity: PathBuf,
}

fn main() -> Result<()> {
    let flags = Flags::parse();
    let read = |path: &PathBuf| fs::read(path).with_context(|| format!("failed to read {}", path.display()));
    let (bundle, identity) = (read(&flags.bundle)?, read(&flags.identity)?);
    let target = Target { address: flags.address, bundle, identity };
    let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let inside = runtime.enter();
    let band = Band::begin(flags.attack, &target)?;
    drop(inside);
    io::stdin().read_to_end(&mut Vec::new())?;
    runtime.shutdown_background();
    Ok(writeln!(io::stdout(), "{}", band.blows())?)
}
