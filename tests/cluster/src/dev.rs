//! `make up` and `make down`: one cluster that stays, in a folder that people and programs can find their way in.
use crate::cluster::{self, Cluster, Options};
use crate::control_plane::PROCESSES;
use crate::directory::Directory;
use crate::endpoints::PosternEndpoints;
use crate::install;
use crate::process::Process;
use anyhow::{Context, Result, ensure};
use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const MIRROR: &str = "mirror-ca";

/// Starts the environment, or, where it runs already, applies the manifests and restarts Postern as it is built now.
///
/// # Errors
/// What does not start, with the last lines of its log; then nothing is left running.
pub async fn up(directory: &Directory, options: &Options) -> Result<Cluster> {
    let _lock = lock(directory)?;
    if is_running(directory) {
        let mut cluster = Cluster::open(directory.clone()).await?;
        if options.postern {
            cluster.renew(&options.postern_flags).await?;
        }
        return Ok(cluster);
    }
    let cluster = Cluster::start(directory.clone(), options).await?;
    let furnished = furnish(&cluster, options).await;
    if furnished.is_err() {
        cluster::stop(directory).await?;
    }
    furnished.map(|()| cluster)
}

/// Ends the environment and removes everything but its logs.
///
/// # Errors
/// A process that does not end.
pub async fn down(directory: &Directory) -> Result<()> {
    if !directory.path().is_dir() {
        return Ok(());
    }
    let _lock = lock(directory)?;
    cluster::stop(directory).await?;
    directory.clear()
}

/// `KEY=VALUE` lines that let programs find everything.
///
/// # Errors
/// The file cannot be written.
fn write_env(cluster: &Cluster) -> Result<()> {
    let directory = cluster.directory();
    let PosternEndpoints { apiserver, webhook, artifacts, admin } = &cluster.endpoints().postern;
    let path = std::env::var("PATH").unwrap_or_default();
    let lines = [
        format!("PATH={}:{path}", directory.file("bin").display()),
        format!("KUBECONFIG={}", directory.kubeconfig().display()),
        format!("KUBECACHEDIR={}", directory.file("kube-cache").display()),
        format!("POSTERN_URL=https://{apiserver}"),
        format!("POSTERN_WEBHOOK_URL=https://{webhook}"),
        format!("POSTERN_ARTIFACTS_URL=http://{artifacts}"),
        format!("POSTERN_ADMIN_URL=http://{admin}"),
    ];
    directory.write(&directory.file("env"), lines.join("\n") + "\n")
}

async fn furnish(cluster: &Cluster, options: &Options) -> Result<()> {
    install::bind_secrets(&cluster.kubectl(), "default").await?;
    if options.postern {
        start_mirror(cluster.directory()).await?;
    }
    write_env(cluster)
}

async fn start_mirror(directory: &Directory) -> Result<()> {
    let mirror = Process::new(directory, MIRROR);
    let program = std::env::current_exe().context("this program cannot find itself")?;
    mirror.start(Command::new(program).arg("--dir").arg(directory.path()).arg(MIRROR))?;
    let copy = directory.pki("ca.crt");
    mirror.until_ready(Duration::from_secs(20), async || Path::is_file(&copy)).await
}

fn is_running(directory: &Directory) -> bool {
    PROCESSES[..3].iter().all(|name| Process::new(directory, name).pid().is_some())
}

/// Two `up`s of one folder must not mix.
fn lock(directory: &Directory) -> Result<File> {
    directory.create()?;
    let file = File::create(directory.file("lock"))?;
    let locked = file.try_lock();
    ensure!(locked.is_ok(), "another process starts or ends the cluster in {}", directory.path().display());
    Ok(file)
}
