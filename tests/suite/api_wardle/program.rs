//! A program that runs beside a test: what it prints is read as it comes, and it ends with the test, however that ends.
use anyhow::{Context, Result, bail};
use std::{
    io::{BufRead, BufReader, Lines},
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};
use tokio::time::timeout;

/// Longer than any line may take to come.
const LONGEST: Duration = Duration::from_secs(120);

pub(super) struct Program {
    child: Child,
    /// Lent to the thread that waits for the next line.
    lines: Option<Lines<BufReader<ChildStdout>>>,
}

impl Drop for Program {
    fn drop(&mut self) {
        // One that is gone already needs no end.
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}

impl Program {
    pub(super) fn start(command: &mut Command) -> Result<Self> {
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child =
            pipes.spawn().with_context(|| format!("failed to start {:?}", command.get_program()))?;
        let lines = child.stdout.take().map(|output| BufReader::new(output).lines());
        Ok(Self { child, lines })
    }

    /// The next line that it prints.
    pub(super) async fn line(&mut self) -> Result<String> {
        let mut lines = self.lines.take().context("the last line never came")?;
        let reading = tokio::task::spawn_blocking(move || (lines.next(), lines));
        let Ok(read) = timeout(LONGEST, reading).await else {
            // The thread that waits ends with the output that it waits for.
            self.child.kill()?;
            bail!("the program said nothing for {LONGEST:?}");
        };
        let (line, lines) = read?;
        self.lines = Some(lines);
        Ok(line.context("the program ended without a word")??)
    }

    /// Tells it that nothing more will come.
    pub(super) fn close_input(&mut self) {
        drop(self.child.stdin.take());
    }
}
