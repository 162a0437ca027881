//! Ends a test run whose supervisor was killed: a process of its own that holds the other end of a pipe.
use crate::{
    directory::Directory,
    process::Process,
    supervise::{self, SUITE},
};
use anyhow::{Context, Result};
use std::{
    io::{Read, Write},
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
};

const DISMISSED: &[u8] = b"dismissed";

/// The supervisor's side.
pub(crate) struct Guard(Child);

impl Guard {
    /// Starts it out of reach of Ctrl-C.
    pub(crate) fn start(run: &Directory) -> Result<Self> {
        let program = std::env::current_exe().context("this program cannot find itself")?;
        let mut command = Command::new(program);
        command.arg("--dir").arg(run.path()).arg("guard").stdin(Stdio::piped()).process_group(0);
        Ok(Self(command.spawn().context("failed to start the guard")?))
    }

    /// Everything is in order; without this it does its work.
    pub(crate) fn dismiss(mut self) -> Result<()> {
        let mut pipe = self.0.stdin.take().context("the guard has no pipe")?;
        pipe.write_all(DISMISSED)?;
        drop(pipe);
        self.0.wait()?;
        Ok(())
    }
}

/// The guard's side: waits until the supervisor is gone, and ends what it could not.
///
/// # Errors
/// A process that does not end.
pub async fn watch(run: &Directory) -> Result<()> {
    let mut word = Vec::new();
    std::io::stdin().read_to_end(&mut word)?;
    if word == DISMISSED {
        return Ok(());
    }
    eprintln!("the test run was killed: ending what it started");
    Process::new(run, SUITE).kill_group();
    supervise::end(run).await?;
    run.remove()
}
