//! The program on client-go: started, told to come to an end, and what it reports.
use anyhow::{Context, Result, bail, ensure};
use cluster::Cluster;
use std::{
    io::{BufRead, BufReader, Lines},
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};
use tokio::time::timeout;

/// More than its informers may take to catch up in the end.
const LONGEST: Duration = Duration::from_secs(120);

pub(super) struct GoClient {
    process: Ended,
    output: Option<Lines<BufReader<ChildStdout>>>,
}

/// Ends the process with the test, however that ends.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // One that is gone already needs no end.
        let _gone = self.0.kill();
        let _status = self.0.wait();
    }
}

impl GoClient {
    /// Returns once its informers have read what there is.
    pub(super) async fn start(cluster: &Cluster, namespace: &str) -> Result<Self> {
        let mut command = Command::new(tokio::task::spawn_blocking(cluster::go_client).await??);
        command
            .arg(format!("--kubeconfig={}", cluster.directory().kubeconfig().display()))
            .arg(format!("--namespace={namespace}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().context("failed to start the client")?;
        let output = BufReader::new(child.stdout.take().context("no output")?).lines();
        let mut client = Self { process: Ended(child), output: Some(output) };
        let line = client.line().await?;
        ensure!(line == "following", "the client says {line:?}");
        Ok(client)
    }

    /// Lets it come to its end, and reads its report.
    pub(super) async fn report(mut self) -> Result<serde_json::Value> {
        drop(self.process.0.stdin.take());
        let line = self.line().await?;
        serde_json::from_str(&line).with_context(|| format!("the client reports {line:?}"))
    }

    async fn line(&mut self) -> Result<String> {
        let mut output = self.output.take().context("it was asked before")?;
        let reading = tokio::task::spawn_blocking(move || (output.next(), output));
        let Ok(read) = timeout(LONGEST, reading).await else {
            self.process.0.kill()?;
            bail!("the client said nothing for {LONGEST:?}");
        };
        let (line, output) = read?;
        self.output = Some(output);
        Ok(line.context("the client ended without a word")??)
    }
}
