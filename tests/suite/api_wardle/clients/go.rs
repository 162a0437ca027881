//! The program on client-go: started, told to come to an end, and what it reports.
use crate::api_wardle::program::Program;
use anyhow::{Context, Result, ensure};
use cluster::Cluster;
use std::process::Command;

pub(super) struct GoClient(Program);

impl GoClient {
    /// Returns once its informers have read what there is.
    pub(super) async fn start(cluster: &Cluster, namespace: &str) -> Result<Self> {
        let mut command = Command::new(tokio::task::spawn_blocking(cluster::go_client).await??);
        command
            .arg(format!("--kubeconfig={}", cluster.directory().kubeconfig().display()))
            .arg(format!("--namespace={namespace}"));
        let mut program = Program::start(&mut command)?;
        let line = program.line().await?;
        ensure!(line == "following", "the client says {line:?}");
        Ok(Self(program))
    }

    /// Lets it come to its end, and reads its report.
    pub(super) async fn report(self) -> Result<serde_json::Value> {
        let Self(mut program) = self;
        program.close_input();
        let line = program.line().await?;
        serde_json::from_str(&line).with_context(|| format!("the client reports {line:?}"))
    }
}
