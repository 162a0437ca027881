//! Shows commands and what they print, the way a terminal would, at a pace that a person can follow.
#![allow(clippy::print_stdout, reason = "what it prints is what the demo is")]
use anyhow::{Context, Result, ensure};
use std::{
    io::{BufRead, BufReader, IsTerminal},
    path::PathBuf,
    process::{Command, Output, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

/// Tells a story of commands.
pub(super) struct Narrator {
    environment: Vec<(&'static str, String)>,
    directory: PathBuf,
    pace: Duration,
    steps: AtomicUsize,
    colours: bool,
}

impl Narrator {
    /// Commands run in `directory`, with `environment` over the program's own.
    pub(super) fn new(environment: Vec<(&'static str, String)>, directory: PathBuf, pace: Duration) -> Self {
        let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { environment, directory, pace, steps: AtomicUsize::new(0), colours }
    }

    /// Begins the next step.
    pub(super) fn step(&self, title: &str) {
        let number = self.steps.fetch_add(1, Ordering::Relaxed) + 1;
        println!("\n{}", self.painted("1;36", &format!("{number}. {title}")));
    }

    /// Shows a command whose effect the story brings about itself.
    pub(super) fn typed(&self, command: &str) {
        println!("\n{} {}", self.painted("2", "$"), self.painted("1", command));
    }

    /// Runs a command that must succeed.
    pub(super) async fn run(&self, command: &str) -> Result<()> {
        let output = self.shown(command).await?;
        ensure!(output.status.success(), "`{command}` ended with {}", output.status);
        Ok(())
    }

    /// Runs a command that must be refused.
    pub(super) async fn refused(&self, command: &str) -> Result<()> {
        let output = self.shown(command).await?;
        ensure!(!output.status.success(), "`{command}` was not refused");
        Ok(())
    }

    /// Runs a command that goes on for ever, until it prints a line that is `enough`.
    pub(super) async fn watch(&self, command: &str, enough: fn(&str) -> bool) -> Result<()> {
        self.typed(command);
        // `timeout` ends it if that line never comes.
        let mut watching = self.command(&format!("exec timeout 60 {command}"));
        let told = command.to_owned();
        tokio::task::spawn_blocking(move || {
            let mut child = watching.stdout(Stdio::piped()).spawn().context("failed to run a shell")?;
            let lines = BufReader::new(child.stdout.take().context("the output is piped")?).lines();
            let mut seen = false;
            for line in lines {
                let line = line?;
                println!("{line}");
                if enough(&line) {
                    seen = true;
                    break;
                }
            }
            child.kill().context("failed to end the watch")?;
            child.wait()?;
            ensure!(seen, "`{told}` did not come so far in a minute");
            Ok(())
        })
        .await??;
        self.pause().await;
        Ok(())
    }

    /// Says what to do next.
    pub(super) fn end(&self, took: Duration, next: &[(&str, &str)]) {
        println!(
            "\n{}",
            self.painted("1;36", &format!("Told in {:.0} s. What to try next:", took.as_secs_f32()))
        );
        for (what, how) in next {
            println!("  {what:<22}{}", self.painted("1", how));
        }
    }

    async fn shown(&self, command: &str) -> Result<Output> {
        self.typed(command);
        let mut shell = self.command(command);
        let output =
            tokio::task::spawn_blocking(move || shell.output()).await?.context("failed to run a shell")?;
        print!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        self.pause().await;
        Ok(output)
    }

    /// `pipefail`, so that a failure on the left of a pipe is one.
    fn command(&self, command: &str) -> Command {
        let mut shell = Command::new("bash");
        shell.args(["-o", "pipefail", "-c", command]).current_dir(&self.directory);
        shell.envs(self.environment.iter().map(|(name, value)| (name, value))).stdin(Stdio::null());
        shell
    }

    async fn pause(&self) {
        tokio::time::sleep(self.pace).await;
    }

    fn painted(&self, colour: &str, text: &str) -> String {
        if self.colours { format!("\u{1b}[{colour}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
