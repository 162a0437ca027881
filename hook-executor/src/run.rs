//! One command, from its start to the end of everything that it started.
//!
//! No shell, no environment but what was asked for, a process group of its own. Input and output move in pieces, and
//! whatever goes wrong ends the whole group: the time is over, too much is written, the input breaks off, nobody waits any more.
mod group;

use crate::{orphans, program};
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use group::Group;
use hooks::{Command, protocol::Ended};
use std::{pin::pin, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{ChildStderr, ChildStdin, ChildStdout},
    sync::mpsc,
    time::sleep,
};
use tokio_util::sync::CancellationToken;

/// How long the output may stay silent and open once the command itself has ended.
const LINGER: Duration = Duration::from_secs(1);
/// How often it is looked meanwhile for what holds it open: the child of an orphan is one only once that is gone.
const LOOKS: u32 = 10;
/// One read of output.
const PIECE: usize = 64 << 10;
/// How much of standard error is kept.
const STDERR: usize = 64 << 10;

/// What no command may exceed.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most that it may write, in bytes.
    pub output: u64,
    /// The most memory that each of its processes may address, in bytes.
    pub memory: u64,
}

/// Any error of an input.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How it ended, and the beginning of what it wrote on standard error.
pub(crate) struct Outcome {
    pub(crate) ended: Ended,
    pub(crate) stderr: Vec<u8>,
}

impl From<Ended> for Outcome {
    fn from(ended: Ended) -> Self {
        Self { ended, stderr: Vec::new() }
    }
}

/// Runs a command on `input` and sends what it writes to `output`, whose receiver may go at any time: that ends it.
pub(crate) async fn run(
    command: &Command,
    limits: Limits,
    input: impl Stream<Item = Result<Bytes, BoxError>>,
    output: mpsc::Sender<Bytes>,
) -> Outcome {
    let Some(Running { mut group, stdin, stdout, stderr }) = start(command, limits) else {
        return Ended::NotStarted.into();
    };
    let exited = CancellationToken::new();
    let work = async {
        tokio::try_join!(
            exit(&mut group, &exited),
            forward(stdout, limits.output, &output, &exited),
            beginning(stderr, &exited),
            feed(stdin, input),
        )
    };
    let outcome = tokio::select! {
        done = work => match done {
            Ok((ended, (), stderr, ())) => Outcome { ended, stderr },
            Err(ended) => ended.into(),
        },
        () = output.closed() => Ended::Abandoned.into(),
        () = sleep(command.timeout) => Ended::TimedOut.into(),
    };
    group.end();
    group.reap().await;
    orphans::end();
    outcome
}

struct Running {
    group: Group,
    stdin: ChildStdin,
    stdout: ChildStdout,
    stderr: ChildStderr,
}

fn start(command: &Command, limits: Limits) -> Option<Running> {
    let mut starting = tokio::process::Command::new(program::find(&command.program)?);
    starting.args(&command.args).env_clear().envs(&command.env).current_dir("/");
    starting.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut group = Group::start(&mut starting).ok()?;
    group.limit(limits, command.timeout);
    let (stdin, stdout, stderr) = group.pipes()?;
    Some(Running { group, stdin, stdout, stderr })
}

/// Waits for the command, then ends what it has left behind: that would hold the output open.
async fn exit(group: &mut Group, exited: &CancellationToken) -> Result<Ended, Ended> {
    let status = group.reap().await;
    group.end();
    orphans::end();
    exited.cancel();
    Ok(status.and_then(|status| status.code()).map_or(Ended::Killed, Ended::Exited))
}

async fn forward(
    mut stdout: ChildStdout,
    most: u64,
    output: &mpsc::Sender<Bytes>,
    exited: &CancellationToken,
) -> Result<(), Ended> {
    let mut written = 0;
    while let Some(piece) = read(&mut stdout, exited).await? {
        written += piece.len() as u64;
        if written > most {
            return Err(Ended::OutputTooLarge);
        }
        output.send(piece).await.map_err(|_| Ended::Abandoned)?;
    }
    Ok(())
}

/// The beginning of a stream that is read to its end: who writes to it must never wait.
async fn beginning(mut stderr: ChildStderr, exited: &CancellationToken) -> Result<Vec<u8>, Ended> {
    let mut kept = Vec::new();
    while let Some(piece) = read(&mut stderr, exited).await? {
        let room = STDERR.saturating_sub(kept.len());
        kept.extend_from_slice(&piece[..piece.len().min(room)]);
    }
    Ok(kept)
}

/// The next piece; `None` after the last. What keeps a pipe open after the command's end is not waited for.
async fn read(
    pipe: &mut (impl AsyncRead + Unpin),
    exited: &CancellationToken,
) -> Result<Option<Bytes>, Ended> {
    let mut piece = BytesMut::with_capacity(PIECE);
    let silence = async {
        exited.cancelled().await;
        for _ in 0..LOOKS {
            sleep(LINGER / LOOKS).await;
            orphans::end();
        }
    };
    tokio::select! {
        read = pipe.read_buf(&mut piece) => match read {
            Ok(0) => Ok(None),
            Ok(_) => Ok(Some(piece.freeze())),
            Err(_) => Err(Ended::Abandoned),
        },
        () = silence => Err(Ended::LeftRunning),
    }
}

/// Hands the input over. What the command does not want to read is taken all the same: who sends it must get to its end.
async fn feed(stdin: ChildStdin, input: impl Stream<Item = Result<Bytes, BoxError>>) -> Result<(), Ended> {
    let (mut input, mut stdin) = (pin!(input), Some(stdin));
    while let Some(piece) = input.next().await {
        // Half an input must never look like a whole one: the pipe is closed only once everything is ended.
        let Ok(piece) = piece else {
            return Err(Ended::Abandoned);
        };
        if let Some(pipe) = &mut stdin
            && pipe.write_all(&piece).await.is_err()
        {
            stdin = None;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
