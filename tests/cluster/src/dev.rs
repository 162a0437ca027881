//! `make up` and `make down`: one cluster that stays, in a folder that people and programs can find their way in.
use crate::{
    cluster::{self, Cluster, Options},
    control_plane::PROCESSES,
    directory::Directory,
    endpoints::PosternEndpoints,
    install,
    interrupt::Interrupts,
    process::Process,
};
use anyhow::{Context, Result, ensure};
use std::{fs::File, path::Path, process::Command, time::Duration};

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
            start_mirror(directory).await?;
        }
        return Ok(cluster);
    }
    let started = Interrupts::listen()?.unless(start(directory, options)).await;
    if !matches!(started, Ok(Some(_))) {
        cluster::stop(directory).await?;
        directory.clear()?;
    }
    started?.context("interrupted")
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

/// Variables that let programs find everything.
pub(crate) fn env(cluster: &Cluster) -> [(&'static str, String); 7] {
    let directory = cluster.directory();
    let PosternEndpoints { apiserver, webhook, artifacts, admin, .. } = &cluster.endpoints().postern;
    let path = std::env::var("PATH").unwrap_or_default();
    [
        ("PATH", format!("{}:{path}", directory.file("bin").display())),
        ("KUBECONFIG", directory.kubeconfig().display().to_string()),
        ("KUBECACHEDIR", directory.file("kube-cache").display().to_string()),
        ("POSTERN_URL", format!("https://{apiserver}")),
        ("POSTERN_WEBHOOK_URL", format!("https://{webhook}")),
        ("POSTERN_ARTIFACTS_URL", format!("http://{artifacts}")),
        ("POSTERN_ADMIN_URL", format!("http://{admin}")),
    ]
}

async fn start(directory: &Directory, options: &Options) -> Result<Cluster> {
    let cluster = Cluster::start(directory.clone(), options).await?;
    install::bind_secrets(cluster.client(), "default").await?;
    if options.postern {
        start_mirror(directory).await?;
    }
    let lines: String = env(&cluster).iter().map(|(name, value)| format!("{name}={value}\n")).collect();
    directory.write(&directory.file("env"), lines)?;
    cluster.release();
    Ok(cluster)
}

async fn start_mirror(directory: &Directory) -> Result<()> {
    let mirror = Process::new(directory, MIRROR);
    if mirror.pid().is_some() {
        return Ok(());
    }
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
    let file = File::options().append(true).open(directory.lock_file())?;
    let locked = file.try_lock();
    ensure!(locked.is_ok(), "another process starts or ends the cluster in {}", directory.path().display());
    Ok(file)
}
