//! The executor of a cluster's hooks: a process of its own, as the sidecar of a pod is.
use crate::{directory::Directory, postern::program, process::Process};
use anyhow::Result;
use std::{os::unix::net::UnixStream, path::PathBuf, process::Command, time::Duration};

const NAME: &str = "hook-executor";
const WHITELIST: &str = include_str!("../manifests/hook-whitelist.yaml");

/// The hook executor of a cluster.
#[derive(Clone)]
pub struct HookExecutor {
    pub(crate) directory: Directory,
    /// More flags, behind those that it always gets; the last one of a flag counts.
    pub flags: Vec<String>,
}

impl HookExecutor {
    pub(crate) fn of(directory: &Directory) -> Self {
        Self { directory: directory.clone(), flags: Vec::new() }
    }

    /// Starts it with the whitelist of the harness, and returns once it can be reached.
    ///
    /// # Errors
    /// The program is not built, or does not listen.
    pub async fn start(&self) -> Result<()> {
        self.directory.write(&self.whitelist(), WHITELIST)?;
        let mut command = Command::new(program("POSTERN_BIN", "postern")?);
        command.arg("hook-executor").arg("--whitelist").arg(self.whitelist());
        command.arg("--socket").arg(self.socket()).args(&self.flags);
        self.process().start(&mut command)?;
        let socket = self.socket();
        self.process()
            .until_ready(Duration::from_secs(10), async || UnixStream::connect(&socket).is_ok())
            .await
    }

    /// Ends it as an operator would.
    ///
    /// # Errors
    /// The process does not end.
    pub async fn stop(&self) -> Result<()> {
        self.process().stop(Duration::from_secs(5)).await
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<i32> {
        self.process().pid().map(nix::unistd::Pid::as_raw)
    }

    /// Everything it has logged.
    pub fn log(&self) -> PathBuf {
        self.directory.log(NAME)
    }

    /// Where it listens, as Postern is told.
    pub fn address(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// What Postern needs to know of it.
    pub(crate) fn known_by(&self) -> [String; 2] {
        [
            format!("--hook-executor={}", self.address()),
            format!("--hook-whitelist={}", self.whitelist().display()),
        ]
    }

    /// The file that it and Postern follow.
    pub fn whitelist(&self) -> PathBuf {
        self.directory.file("hook-whitelist.yaml")
    }

    fn socket(&self) -> PathBuf {
        self.directory.file("hooks.sock")
    }

    fn process(&self) -> Process<'_> {
        Process::new(&self.directory, NAME)
    }
}
