//! One run of all benches: what they share is set up, each is measured, and everything is ended again.
use crate::{
    buckets, delivery, files, hooks, packing,
    report::{self, Section},
    s3,
    setting::{self, Setting},
    source::Source,
    sources, startup, subresource, sweep, wardle,
};
use anyhow::{Context, Result, anyhow};
use clap::{Args, ValueEnum};
use cluster::{Cluster, Directory, Options as ClusterOptions, cluster::stop, privilege};
use std::{fs, net::SocketAddr, path::PathBuf};

/// What to measure, and how often.
#[derive(Args)]
pub(crate) struct Options {
    /// How often each measurement is made.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// The program as it is published, to be weighed.
    #[arg(long)]
    dist: PathBuf,
    /// Measures only this; may be given several times.
    #[arg(long, value_enum)]
    only: Vec<Part>,
}

/// What can be measured alone.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// One large body, fetched, packed and stored.
    Packing,
    /// One large body, stored in S3.
    S3,
    /// One large body through a hook.
    Hooks,
    /// A start, and the memory at rest.
    Startup,
    /// Reads of one subresource.
    Subresource,
    /// Many sources at once.
    Sources,
    /// A thousand sources that did not change.
    Sweep,
    /// Many sources in a bucket that change at once, beside Flux's source-controller.
    Buckets,
    /// A new revision, until Flux has applied it.
    Delivery,
    /// What the artifact listener serves, beside Flux's and nginx.
    Files,
    /// A server written with the library, beside one written with k8s.io/apiserver.
    Wardle,
}

impl Options {
    /// Whether a part is to be measured; says so to who waits.
    fn begins(&self, part: Part) -> bool {
        let chosen = self.only.is_empty() || self.only.contains(&part);
        if chosen && let Some(value) = part.to_possible_value() {
            eprintln!("measuring: {} …", value.get_name());
        }
        chosen
    }
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
    let mut sections = Vec::new();
    if options.begins(Part::Packing) {
        sections.push(tokio::task::block_in_place(|| packing::measure(setting, &source))?);
    }
    if options.only != [Part::Packing] {
        sections.extend(on_a_cluster(setting, options, directory, &source).await?);
    }
    Ok(sections)
}

async fn on_a_cluster(
    setting: &Setting,
    options: &Options,
    directory: &Directory,
    source: &Source,
) -> Result<Vec<Section>> {
    let cluster = Cluster::start(directory.clone(), &ClusterOptions::default()).await?;
    let mut sections = Vec::new();
    if options.begins(Part::S3) {
        sections.push(s3::measure(setting, &cluster, source).await?);
    }
    if options.begins(Part::Hooks) {
        sections.push(hooks::measure(setting, &cluster, source).await?);
    }
    if options.begins(Part::Startup) {
        sections.push(startup::measure(setting, &cluster, &options.dist).await?);
    }
    if options.begins(Part::Subresource) {
        sections.push(subresource::measure(setting, &cluster, source).await?);
    }
    if options.begins(Part::Sources) {
        sections.push(sources::measure(setting, &cluster, source).await?);
    }
    if options.begins(Part::Sweep) {
        sections.push(sweep::measure(setting, &cluster, source).await?);
    }
    if options.begins(Part::Buckets) {
        sections.push(buckets::measure(setting, &cluster).await?);
    }
    if options.begins(Part::Delivery) {
        sections.push(delivery::measure(setting, &cluster, source).await?);
    }
    if options.begins(Part::Files) {
        sections.push(files::measure(setting, &cluster, source).await?);
    }
    if options.begins(Part::Wardle) {
        sections.extend(wardle::measure(setting, &cluster).await?);
    }
    Ok(sections)
}
