//! Commands that misbehave cost themselves only.
use super::{Executor, TOOLS, command};
use crate::process::Peak;
use anyhow::{Context, Result};
use bytes::Bytes;
use futures::stream;
use hooks::{Command, Error, protocol::Ended};
use std::{fs, path::Path, time::Duration};
use tokio::time::{sleep, timeout};

fn shell(script: &str) -> Command {
    command("sh", &["-c", script])
}

/// Waits until a file holds a line, and returns its process id.
async fn pid(path: &Path) -> Result<i32> {
    let read = async {
        loop {
            if let Ok(text) = fs::read_to_string(path)
                && text.ends_with('\n')
            {
                return text.trim().parse().context("a process id");
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(20), read).await.context("the command wrote nothing")?
}

/// Waits until a process is gone.
async fn gone(pid: i32) -> Result<()> {
    let stat = format!("/proc/{pid}/stat");
    let runs = || fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z "));
    let left = async {
        while runs() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(10), left).await.with_context(|| format!("process {pid} is still there"))
}

#[tokio::test]
async fn what_prints_a_gibibyte_is_stopped_and_takes_no_memory() -> Result<()> {
    let executor = Executor::start(TOOLS)?;
    let peak = Peak::of(executor.pid())?;
    let mut output = tokio::io::sink();
    let flood = shell("exec head -c 1073741824 /dev/zero");
    let ran = executor.client().run(&flood, stream::empty(), &mut output, u64::MAX).await;
    assert!(matches!(ran, Err(Error::Ended(Ended::OutputTooLarge))), "{ran:?}");
    let (_, answer) = executor.execute("sh", &["-c", "exec head -c 1073741824 /dev/zero >&2"], b"").await?;
    assert_eq!((&answer["exitCode"], answer["stderr"].as_str().map(str::len)), (&0.into(), Some(65_536)));
    peak.has_grown_by_at_most(16 << 20)
}

#[tokio::test]
async fn what_ignores_sigterm_ends_with_its_time_and_its_children_too() -> Result<()> {
    let executor = Executor::start(TOOLS)?;
    let file = executor.file("pid");
    let script = format!("trap '' TERM INT HUP; sleep 600 & echo $! > {}; wait; wait", file.display());
    let stubborn = Command { timeout: Duration::from_millis(800), ..shell(&script) };
    let ran = executor.stream(&stubborn, Vec::new()).await;
    assert!(matches!(ran, Err(Error::Ended(Ended::TimedOut))), "{ran:?}");
    gone(pid(&file).await?).await
}

#[tokio::test]
async fn what_forks_and_lingers_is_ended_with_its_command() -> Result<()> {
    let executor = Executor::start(TOOLS)?;
    for (name, how) in
        [("group", "sleep 600"), ("session", "setsid sleep 600"), ("twice", "setsid sh -c 'sleep 600; :'")]
    {
        let file = executor.file(name);
        let script = format!("({how}) & echo $! > {}; echo done", file.display());
        assert_eq!(executor.stream(&shell(&script), Vec::new()).await?, b"done\n", "{how}");
        gone(pid(&file).await?).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_client_that_goes_takes_its_command_along() -> Result<()> {
    let executor = Executor::start(TOOLS)?;
    let file = executor.file("pid");
    let long = shell(&format!("echo $$ > {}; exec sleep 600", file.display()));
    let mut output = Vec::new();
    let client = executor.client();
    let pid = tokio::select! {
        ran = client.run(&long, stream::pending(), &mut output, 1) => anyhow::bail!("{ran:?}"),
        pid = pid(&file) => pid?,
    };
    gone(pid).await
}

#[tokio::test]
async fn an_input_that_breaks_off_is_no_short_input() -> Result<()> {
    let executor = Executor::start(TOOLS)?;
    let seen = executor.file("seen");
    let copy = shell(&format!("cat > {0}.partial && mv {0}.partial {0}", seen.display()));
    let broken = stream::iter([Ok(Bytes::from_static(b"half")), Err(std::io::ErrorKind::BrokenPipe.into())]);
    let ran = executor.client().run(&copy, broken, &mut Vec::new(), 1).await;
    assert!(ran.is_err(), "{ran:?}");
    // Once the next one has run, the first has ended.
    executor.stream(&shell("exit 0"), Vec::new()).await?;
    assert!(!seen.exists(), "the command took half an input for a whole one");
    Ok(())
}

#[tokio::test]
async fn as_many_run_as_may_and_the_rest_is_told() -> Result<()> {
    let executor = Executor::start(TOOLS)?;
    let client = executor.client();
    let long = shell("exec sleep 600");
    let held = futures::future::join_all(
        (0..16).map(|_| async { client.run(&long, stream::pending(), &mut Vec::new(), 1).await }),
    );
    let refused = async {
        executor.until_shown("postern_hook_running 16").await?;
        anyhow::Ok(executor.stream(&command("cat", &[]), Vec::new()).await)
    };
    tokio::select! {
        ended = held => anyhow::bail!("{ended:?}"),
        refused = refused => assert!(matches!(refused?, Err(Error::Busy))),
    }
    executor.until_shown("postern_hook_running 0").await
}
