//! `make demo`: the whole story on a real control plane. Every command is one that a person would type, run by a shell,
//! with its real output; one that does not do what the story says ends the story with an error.
mod narrator;

use crate::{
    cluster::{Cluster, Options},
    control_plane, dev,
    directory::Directory,
    process::Process,
};
use anyhow::{Context, Result};
use narrator::Narrator;
use std::{
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

/// The recorded name of the example source.
const SOURCE: &str = "http-source";
/// Where `examples/externalsource.yaml` looks for it.
const PORT: u16 = 8686;
const CONTENT: &str =
    "/apis/subresources.postern.dev/v1alpha1/namespaces/default/externalsources/podinfo/content";
const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Tells the story, and leaves everything running. `pace` is the pause after each command.
///
/// # Errors
/// Something does not start, or a command does not do what the story says.
pub async fn run(directory: &Directory, options: &Options, pace: Duration) -> Result<()> {
    let began = Instant::now();
    let cluster = dev::up(directory, options).await?;
    let story = Story::prepare(&cluster, pace).await?;
    story.tell().await?;
    story.what_next(began.elapsed());
    Ok(())
}

struct Story {
    directory: Directory,
    narrator: Narrator,
    /// Port of the example source.
    port: u16,
    /// The folder that it serves, a copy that the story may change.
    data: PathBuf,
    /// The manifest to apply.
    manifest: PathBuf,
}

impl Story {
    async fn prepare(cluster: &Cluster, pace: Duration) -> Result<Self> {
        let directory = cluster.directory().clone();
        Process::new(&directory, SOURCE).stop(Duration::from_secs(5)).await?;
        // What an earlier demo left.
        let leftovers = ["externalsource/podinfo", "rolebinding/ada-sees"];
        let delete = [&["delete", "--ignore-not-found", "--namespace=default"][..], &leftovers[..]].concat();
        cluster.kubectl().run(&delete).await?;
        let data = copied_examples(&directory)?;
        let port = free_port()?;
        let manifest = manifest(&directory, port)?;
        let narrator = Narrator::new(dev::env(cluster).to_vec(), WORKSPACE.into(), pace);
        Ok(Self { directory, narrator, port, data, manifest })
    }

    async fn tell(&self) -> Result<()> {
        self.a_source_starts().await?;
        self.admission_speaks().await?;
        self.the_source_becomes_ready().await?;
        self.the_artifact_is_read().await?;
        self.the_data_changes().await?;
        self.rights_are_apart().await?;
        self.the_source_goes_and_comes_back().await
    }

    async fn a_source_starts(&self) -> Result<()> {
        self.narrator
            .step("A small HTTP source serves the manifests of examples/podinfo as one tar, with an ETag");
        let data = self.shown(&self.data);
        let listen = format!("127.0.0.1:{}", self.port);
        control_plane::offer(&self.directory, SOURCE, &example_program()?)?;
        self.narrator.typed(&format!("http-source --dir {data} --listen {listen} &"));
        self.start_source().await?;
        self.narrator.run(&format!("ls {data}")).await
    }

    async fn admission_speaks(&self) -> Result<()> {
        self.narrator.step("Admission lets a good manifest in, and names every wrong field of a bad one");
        self.narrator.run(&format!("kubectl apply -f {}", self.shown(&self.manifest))).await?;
        self.narrator.refused("kubectl apply -f examples/invalid-externalsource.yaml").await
    }

    async fn the_source_becomes_ready(&self) -> Result<()> {
        self.narrator.step("The controller fetches, packs, stores and publishes");
        self.narrator.watch("kubectl get externalsources -w", |line| line.contains(" True ")).await?;
        self.narrator.run("kubectl describe externalsource podinfo").await
    }

    async fn the_artifact_is_read(&self) -> Result<()> {
        self.narrator.step("The aggregated API shows the artifact, every stored revision, and the bytes");
        let long = "kubectl get externalsources.subresources.postern.dev podinfo --subresource artifact";
        self.narrator.run(long).await?;
        self.narrator.run("kubectl get srcview podinfo --subresource artifact -o yaml").await?;
        self.narrator.run("kubectl get artifacts").await?;
        self.narrator.run(&format!("kubectl get --raw {CONTENT} | tar tzv")).await
    }

    async fn the_data_changes(&self) -> Result<()> {
        self.narrator.step(
            "The data changes: a new revision at once for who asks, at the next interval for who waits",
        );
        let file = self.shown(&self.data.join("deployment.yaml"));
        self.narrator.run(&format!("sed -i 's/replicas: 2/replicas: 3/' {file}")).await?;
        self.ask_for_a_pass("changed").await?;
        self.narrator.run("kubectl get artifacts").await?;
        self.narrator
            .run(&format!("kubectl get --raw '{CONTENT}?path=deployment.yaml' | grep replicas"))
            .await
    }

    async fn rights_are_apart(&self) -> Result<()> {
        self.narrator.step("Seeing a source is one right, reading its content another");
        self.narrator
            .run("kubectl create rolebinding ada-sees --clusterrole=postern-view --user=ada")
            .await?;
        self.narrator.run("kubectl get srcview podinfo --as ada").await?;
        self.narrator.refused(&format!("kubectl get --raw {CONTENT} --as ada")).await?;
        let object = "externalsources.subresources.postern.dev/podinfo";
        let may = |subresource: &str| {
            format!("kubectl auth can-i get {object} --subresource={subresource} --as ada")
        };
        self.narrator.run(&may("artifact")).await?;
        self.narrator.refused(&may("content")).await
    }

    async fn the_source_goes_and_comes_back(&self) -> Result<()> {
        self.narrator.step(
            "The source goes down: Ready says why, and the last artifact stays. It comes back: all is well",
        );
        self.narrator.typed("kill %1    # the HTTP source");
        Process::new(&self.directory, SOURCE).stop(Duration::from_secs(5)).await?;
        self.ask_for_a_pass("down").await?;
        self.narrator.run("kubectl get externalsources").await?;
        self.narrator.run(&format!("kubectl get --raw {CONTENT} | tar tz")).await?;
        self.narrator.typed("http-source … &    # here it is again");
        self.start_source().await?;
        self.narrator.run("kubectl wait --for=condition=Ready externalsource/podinfo --timeout=60s").await?;
        self.narrator.run("kubectl events --for externalsource/podinfo").await
    }

    /// Returns once that pass has ended, whatever its outcome.
    async fn ask_for_a_pass(&self, token: &str) -> Result<()> {
        let annotation = format!("reconcile.fluxcd.io/requestedAt={token}");
        self.narrator
            .run(&format!("kubectl annotate --overwrite externalsource podinfo {annotation}"))
            .await?;
        let handled = format!("--for=jsonpath='{{.status.lastHandledReconcileAt}}'={token}");
        self.narrator.run(&format!("kubectl wait {handled} externalsource/podinfo --timeout=30s")).await
    }

    async fn start_source(&self) -> Result<()> {
        let process = Process::new(&self.directory, SOURCE);
        let mut command = Command::new(example_program()?);
        command.arg("--dir").arg(&self.data).arg("--listen").arg(format!("127.0.0.1:{}", self.port));
        process.start(&mut command)?;
        let port = self.port;
        let listens = async || std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
        process.until_ready(Duration::from_secs(5), listens).await
    }

    fn what_next(&self, took: Duration) {
        let folder = self.directory.path().display().to_string();
        self.narrator.end(
            took,
            &[
                (
                    "use it yourself",
                    &format!("export KUBECONFIG={folder}/kubeconfig PATH={folder}/bin:$PATH"),
                ),
                ("watch revisions come", "kubectl get artifacts -w"),
                ("learn the fields", "kubectl explain externalsource.spec --recursive"),
                ("read the log", &format!("tail -f {folder}/logs/postern.log")),
                ("end everything", "make demo-down"),
            ],
        );
    }

    /// As short as a person would write it.
    fn shown(&self, path: &Path) -> String {
        let workspace = Path::new(WORKSPACE).canonicalize().unwrap_or_else(|_| WORKSPACE.into());
        path.strip_prefix(&workspace).unwrap_or(path).display().to_string()
    }
}

/// The story changes the data, so it works on a copy.
fn copied_examples(directory: &Directory) -> Result<PathBuf> {
    let copy = directory.file("podinfo");
    std::fs::create_dir_all(&copy).context("failed to copy the examples")?;
    for entry in std::fs::read_dir(Path::new(WORKSPACE).join("examples/podinfo"))? {
        let entry = entry?;
        std::fs::copy(entry.path(), copy.join(entry.file_name())).context("failed to copy the examples")?;
    }
    Ok(copy)
}

/// The manifest of the examples; a copy with another port where somebody else listens at its own.
fn manifest(directory: &Directory, port: u16) -> Result<PathBuf> {
    let original = Path::new(WORKSPACE).canonicalize()?.join("examples/externalsource.yaml");
    if port == PORT {
        return Ok(original);
    }
    let text = std::fs::read_to_string(&original)?.replace(&format!(":{PORT}/"), &format!(":{port}/"));
    let copy = directory.file("externalsource.yaml");
    directory.write(&copy, text)?;
    Ok(copy)
}

fn free_port() -> Result<u16> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, PORT)).or_else(|_| TcpListener::bind("127.0.0.1:0"));
    Ok(listener.context("no port is free")?.local_addr()?.port())
}

/// Cargo puts examples into a folder beside the other programs.
fn example_program() -> Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name("examples").join(SOURCE);
    anyhow::ensure!(program.is_file(), "{} is not there: run `make demo`", program.display());
    Ok(program)
}
