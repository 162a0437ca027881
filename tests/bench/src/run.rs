//! One run of all benches: what they share is set up, each is measured, and everything is ended again.
use crate::{
    buckets, delivery,
    disk::{Disk, Mounts},
    files, hooks, packing, poison,
    report::{self, Section},
    s3,
    setting::{self, Setting},
    source::Source,
    sources, startup, subresource, sweep, wardle,
};
use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
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
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Measures only this; may be given several times.
    #[arg(long, value_enum)]
    only: Vec<Part>,
}

/// What can be measured alone, in the order of the page.
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
    /// A thousand sources of which some are poisoned.
    Poison,
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

impl Part {
    /// As it is given on the command line.
    fn name(self) -> String {
        let value = self.to_possible_value().expect("no part is hidden");
        value.get_name().to_owned()
    }
}

impl Options {
    fn chosen(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
}

/// Makes sure that a cluster can be started, before this process has threads; from then on it mounts for itself, where it may.
pub(crate) fn enter() -> Result<Mounts> {
    privilege::ensure_network_admin(&directory()?)?;
    privilege::raise_loopback()?;
    Ok(Mounts::enter())
}

/// Measures everything and hands over the page: a part that fails is named in it, and does not take the others along. What a
/// run has left in which one failed stays for a look at its logs.
///
/// An error is one of the whole run, for which there is no page, or, after the page was handed over, that a part failed.
pub(crate) async fn page(
    options: &Options,
    mounts: Mounts,
    take: impl FnOnce(&str) -> Result<()>,
) -> Result<()> {
    let directory = directory()?;
    let disk = Disk::prepare(scratch()?, &directory, mounts).await?;
    let measured = tokio::select! {
        measured = measured(&disk, options, &directory) => Some(measured),
        _ = tokio::signal::ctrl_c() => None,
    };
    stop(&directory).await?;
    let Some(measured) = measured else {
        disk.remove()?;
        bail!("interrupted");
    };
    let left = disk.whereabouts();
    let (machine, parts) = measured.with_context(|| format!("the run failed; {left}"))?;
    take(&report::markdown(&machine, &parts))?;
    let failed = report::failed(&parts);
    ensure!(failed.is_empty(), "failed: {}; {left}", failed.join(", "));
    disk.remove()
}

/// What the machine is, and what became of each part.
async fn measured(
    disk: &Disk,
    options: &Options,
    directory: &Directory,
) -> Result<(String, Vec<report::Part>)> {
    let machine = setting::describe(disk)?;
    let setting = Setting { scratch: disk.folder().to_owned(), rounds: options.rounds };
    Ok((machine, parts(&setting, options, directory).await?))
}

/// Beside the program, since the system's folder for temporary files may lie in memory, where fsync costs nothing.
fn scratch() -> Result<PathBuf> {
    let program = std::env::current_exe().context("this program cannot find itself")?;
    Ok(program.with_file_name("bench-run"))
}

fn directory() -> Result<Directory> {
    Directory::at(scratch()?.join("cluster"))
}

async fn parts(setting: &Setting, options: &Options, directory: &Directory) -> Result<Vec<report::Part>> {
    let source = Source::start(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    let bench = Bench { setting, source: &source };
    let (mut parts, mut cluster) = (Vec::new(), None);
    for part in Part::value_variants().iter().copied().filter(|part| options.chosen(*part)) {
        let name = part.name();
        eprintln!("measuring: {name} …");
        match bench.measure(part, directory, &mut cluster).await {
            Ok(sections) => parts.push(report::Part::Measured(sections)),
            Err(error) => {
                eprintln!("failed: {name}: {error:?}");
                cluster = None;
                // The next part then says itself what keeps it from starting.
                if let Err(error) = set_aside(directory, &setting.scratch, &name).await {
                    eprintln!("failed to end what {name} left: {error:?}");
                }
                parts.push(report::Part::Failed(name));
            }
        }
    }
    Ok(parts)
}

/// Ends what a part left that failed, which would weigh on the next; its logs stay under another name.
async fn set_aside(directory: &Directory, scratch: &Path, name: &str) -> Result<()> {
    stop(directory).await?;
    if !directory.path().exists() {
        return Ok(());
    }
    let aside = scratch.join(format!("failed-{name}"));
    if aside.exists() {
        fs::remove_dir_all(&aside).context("failed to remove what an earlier run left")?;
    }
    fs::rename(directory.path(), &aside).context("failed to set its files aside")
}

/// What all parts share.
struct Bench<'a> {
    setting: &'a Setting,
    source: &'a Source,
}

impl Bench<'_> {
    /// Measures one part, on the cluster that the part before it left, or a new one.
    async fn measure(
        &self,
        part: Part,
        directory: &Directory,
        cluster: &mut Option<Cluster>,
    ) -> Result<Vec<Section>> {
        let (setting, source) = (self.setting, self.source);
        if part == Part::Packing {
            return tokio::task::block_in_place(|| Ok(vec![packing::measure(setting, source)?]));
        }
        let cluster = match cluster {
            Some(cluster) => cluster,
            None => cluster.insert(Cluster::start(directory.clone(), &ClusterOptions::default()).await?),
        };
        let section = match part {
            Part::Packing => bail!("packing needs no cluster"),
            Part::S3 => s3::measure(setting, cluster, source).await,
            Part::Hooks => hooks::measure(setting, cluster, source).await,
            Part::Startup => startup::measure(setting, cluster).await,
            Part::Subresource => subresource::measure(setting, cluster, source).await,
            Part::Sources => sources::measure(setting, cluster, source).await,
            Part::Poison => poison::measure(setting, cluster, source).await,
            Part::Sweep => sweep::measure(setting, cluster, source).await,
            Part::Buckets => buckets::measure(setting, cluster).await,
            Part::Delivery => delivery::measure(setting, cluster, source).await,
            Part::Files => files::measure(setting, cluster, source).await,
            Part::Wardle => return wardle::measure(setting, cluster).await,
        };
        Ok(vec![section?])
    }
}
