//! One run of all benches: what they share is set up, each is measured, and everything is ended again.
use crate::{
    packing,
    report::{self, Section},
    setting::{self, Setting},
    source::Source,
    sources, startup, subresource, sweep,
};
use anyhow::{Context, Result, anyhow};
use clap::Args;
use cluster::{Cluster, Directory, Options as ClusterOptions, cluster::stop, privilege};
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// What to measure, and how often.
#[derive(Args)]
pub(crate) struct Options {
    /// How often each measurement is made.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// The program as it is published, to be weighed.
    #[arg(long)]
    dist: PathBuf,
}

/// Makes sure that a cluster can be started, before this process has threads.
pub(crate) fn enter_network() -> Result<()> {
    privilege::ensure_network_admin(&directory()?)?;
    privilege::raise_loopback()
}

/// Measures everything and returns the page. The folder of a run that failed stays for a look at its logs.
pub(crate) async fn page(options: &Options) -> Result<String> {
    let machine = setting::describe()?;
    let (scratch, directory) = (scratch()?, directory()?);
    // What a run left that was killed.
    stop(&directory).await?;
    fs::create_dir_all(&scratch)?;
    let setting = Setting { scratch: scratch.clone(), rounds: options.rounds };
    let sections = tokio::select! {
        sections = sections(&setting, options, &directory) => sections,
        _ = tokio::signal::ctrl_c() => Err(anyhow!("interrupted")),
    };
    stop(&directory).await?;
    let sections =
        sections.with_context(|| format!("a bench failed; its files are in {}", scratch.display()))?;
    fs::remove_dir_all(&scratch).context("failed to remove what the run left")?;
    Ok(report::markdown(&machine, &sections))
}

/// Beside the program, since the system's folder for temporary files may lie in memory, where fsync costs nothing.
fn scratch() -> Result<PathBuf> {
    let program = std::env::current_exe().context("this program cannot find itself")?;
    Ok(program.with_file_name("bench-run"))
}

fn directory() -> Result<Directory> {
    Directory::at(scratch()?.join("cluster"))
}

async fn sections(setting: &Setting, options: &Options, directory: &Directory) -> Result<Vec<Section>> {
    let source = Source::start(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    eprintln!("one large body …");
    let mut sections = vec![tokio::task::block_in_place(|| packing::measure(setting, &source))?];
    sections.extend(on_a_cluster(setting, &source, directory, &options.dist).await?);
    Ok(sections)
}

async fn on_a_cluster(
    setting: &Setting,
    source: &Source,
    directory: &Directory,
    dist: &Path,
) -> Result<Vec<Section>> {
    eprintln!("a control plane …");
    let cluster = Cluster::start(directory.clone(), &ClusterOptions::default()).await?;
    eprintln!("start and rest …");
    let mut sections = vec![startup::measure(setting, &cluster, dist).await?];
    eprintln!("one subresource …");
    sections.push(subresource::measure(setting, &cluster, source).await?);
    eprintln!("many sources …");
    sections.push(sources::measure(setting, &cluster, source).await?);
    eprintln!("a sweep …");
    sections.push(sweep::measure(setting, &cluster, source).await?);
    Ok(sections)
}
