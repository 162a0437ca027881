//! kubectl, as a person would type it, with the cluster's kubeconfig and a discovery cache of its own.
use anyhow::{Context, Result, bail};
use std::{
    io::Write,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

/// Runs kubectl against one cluster.
#[derive(Debug, Clone)]
pub struct Kubectl {
    pub(crate) program: PathBuf,
    pub(crate) kubeconfig: PathBuf,
    /// The user's own cache stays untouched, and what one cluster served is not believed of the next.
    pub(crate) cache: PathBuf,
}

impl Kubectl {
    /// What it prints; an error holds what it complains about.
    ///
    /// # Errors
    /// kubectl cannot be started, or it ended with another code than 0.
    pub async fn run(&self, arguments: &[&str]) -> Result<String> {
        self.run_with_input(arguments, "").await
    }

    /// As [`Self::run`], with something on its standard input.
    ///
    /// # Errors
    /// As for [`Self::run`].
    pub async fn run_with_input(&self, arguments: &[&str], input: &str) -> Result<String> {
        let output = self.output(arguments, input).await?;
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr);
            bail!("kubectl {} ended with {}: {}", arguments.join(" "), output.status, why.trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Applies manifests, whoever owned their fields before.
    ///
    /// # Errors
    /// kubectl fails; its words are in the message.
    pub async fn apply(&self, manifests: &str) -> Result<()> {
        let arguments = ["apply", "--server-side", "--force-conflicts", "--filename", "-"];
        self.run_with_input(&arguments, manifests).await.map(drop)
    }

    /// Code and outputs, whatever they are; never blocks the caller's runtime, whose servers kubectl may wait for.
    ///
    /// # Errors
    /// kubectl cannot be started.
    pub async fn output(&self, arguments: &[&str], input: &str) -> Result<Output> {
        let mut command = self.command(arguments);
        let input = input.to_owned();
        tokio::task::spawn_blocking(move || run(&mut command, &input)).await?
    }

    /// kubectl with these arguments, for who wants to start it otherwise.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--kubeconfig").arg(&self.kubeconfig).arg("--cache-dir").arg(&self.cache).args(arguments);
        command
    }
}

fn run(command: &mut Command, input: &str) -> Result<Output> {
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().with_context(|| format!("failed to start {:?}", command.get_program()))?;
    let mut stdin = child.stdin.take().context("kubectl has no standard input")?;
    // It reads all of it before it writes more than a pipe holds. One that does not read at all has said why elsewhere.
    let _unread = stdin.write_all(input.as_bytes());
    drop(stdin);
    Ok(child.wait_with_output()?)
}
