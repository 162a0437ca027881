//! Those who attack, as a process of the lowest class of the scheduler: it gives way to every other on its processor, so that it is
//! the server that is busy with them, and not who measures it.
use anyhow::{Context, Result};
use attackers::Attack;
use cluster::postern::program;
use std::{net::SocketAddrV4, path::Path, process::Stdio};
use tempfile::NamedTempFile;
use tokio::process::{Child, Command};

/// An attack that goes on until it is ended.
pub(super) struct Attackers {
    program: Child,
    /// What they prove who they are with.
    _identity: NamedTempFile,
}

impl Attackers {
    /// Begins an attack. `bundle` is what the server is trusted by, `identity` the certificate and key of who attacks.
    pub(super) fn begin(
        attack: Attack,
        address: SocketAddrV4,
        bundle: &Path,
        identity: &str,
    ) -> Result<Self> {
        let file = NamedTempFile::new()?;
        std::fs::write(&file, identity)?;
        let program = Command::new("chrt")
            .args(["--idle", "0"])
            .arg(program("ATTACKERS_BIN", "attackers")?)
            .arg(attack.argument())
            .arg(format!("--address={address}"))
            .arg(format!("--bundle={}", bundle.display()))
            .arg(format!("--identity={}", file.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("chrt, which is in util-linux, cannot be started")?;
        Ok(Self { program, _identity: file })
    }

    /// Ends the attack: how often it struck.
    ///
    /// # Errors
    /// It was none.
    pub(super) async fn end(self) -> Result<u64> {
        // Closes its input, which ends it.
        let output = self.program.wait_with_output().await?;
        let blows = String::from_utf8_lossy(&output.stdout);
        blows.trim().parse().with_context(|| format!("the attackers ended with {}", output.status))
    }
}
