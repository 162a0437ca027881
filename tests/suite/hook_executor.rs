//! `postern hook-executor` as a process: what it runs, what it refuses, and what becomes of the badly behaved.
mod bad_commands;
mod confined;
mod injections;
mod whitelist;

use crate::process::Peak;
use anyhow::{Context, Result};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use cluster::postern::program;
use futures::stream;
use hooks::{Client, Command, Error, protocol::Ended};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Stdio},
    time::Duration,
};
use tempfile::TempDir;

const TOKEN: &str = "canary-4d1e-token";

/// One executor on a port of its own; it ends when it is dropped.
pub(crate) struct Executor {
    child: Child,
    port: u16,
    folder: TempDir,
    http: reqwest::Client,
}

impl Executor {
    /// Starts one with that whitelist.
    pub(crate) fn start(whitelist: &str) -> Result<Self> {
        Self::launched(
            tempfile::tempdir()?,
            std::process::Command::new(program("POSTERN_BIN", "postern")?),
            whitelist,
        )
    }

    /// The same in a folder, of a command that runs the program with what is appended.
    fn launched(folder: TempDir, mut postern: std::process::Command, whitelist: &str) -> Result<Self> {
        fs::write(folder.path().join("whitelist.yaml"), whitelist)?;
        fs::write(folder.path().join("token"), format!("{TOKEN}\n"))?;
        let mut child = postern
            .args(["hook-executor", "--port=0", "--max-output=64Mi", "--log-level=trace"])
            .arg("--whitelist")
            .arg(folder.path().join("whitelist.yaml"))
            .arg("--token-file")
            .arg(folder.path().join("token"))
            .env_clear()
            .env("OUTSIDE", "of no business to a hook")
            .stderr(Stdio::piped())
            .stdout(fs::File::create(folder.path().join("log"))?)
            .spawn()?;
        let port = listens(&mut child, folder.path().join("log"))?;
        Ok(Self { child, port, folder, http: reqwest::Client::new() })
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a process id")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.file("log")).unwrap_or_default()
    }

    /// The plain form, with the token.
    async fn post(&self, body: impl Into<reqwest::Body>) -> Result<reqwest::Response> {
        Ok(self.http.post(self.url("/execute")).bearer_auth(TOKEN).body(body).send().await?)
    }

    /// Runs a command in the plain form. The answer's two outputs are decoded.
    async fn execute(&self, command: &str, args: &[&str], stdin: &[u8]) -> Result<(StatusCode, Value)> {
        let stdin = BASE64_STANDARD.encode(stdin);
        let request =
            json!({ "command": command, "args": args, "timeout": "20s", "env": {}, "stdin": stdin });
        let answer = self.post(request.to_string()).await?;
        let status = answer.status();
        if status != StatusCode::OK {
            return Ok((status, Value::String(answer.text().await?)));
        }
        let mut answer: Value = serde_json::from_slice(&answer.bytes().await?)?;
        for output in ["stdout", "stderr"] {
            let bytes = BASE64_STANDARD.decode(answer[output].as_str().context("text")?)?;
            answer[output] = String::from_utf8_lossy(&bytes).into();
        }
        Ok((status, answer))
    }

    fn client(&self) -> Client {
        let address = self.url("").parse().expect("loopback");
        Client::new(address, Some(self.file("token")))
    }

    /// Runs a command in the streaming form.
    async fn stream(&self, command: &Command, input: Vec<Bytes>) -> Result<Vec<u8>, Error> {
        let mut output = Vec::new();
        let input = stream::iter(input.into_iter().map(Ok));
        self.client().run(command, input, &mut output, u64::MAX).await.map(|()| output)
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        // As an operator would: it takes along what it runs.
        let _gone = kill(Pid::from_raw(self.pid()), Signal::SIGTERM);
        let _reaped = self.child.wait();
    }
}

/// Reads its log, wherever that goes, until it says where it listens.
fn listens(child: &mut Child, log: PathBuf) -> Result<u16> {
    let stderr = child.stderr.take().context("piped")?;
    let mut copy = fs::File::options().append(true).open(log)?;
    let mut lines = BufReader::new(stderr);
    loop {
        let mut line = String::new();
        anyhow::ensure!(lines.read_line(&mut line)? > 0, "the executor ended");
        std::io::Write::write_all(&mut copy, line.as_bytes())?;
        let Some((_, rest)) = line.split_once("127.0.0.1:") else { continue };
        let port = rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse()?;
        // Whoever logs must never wait for a reader.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut copy));
        return Ok(port);
    }
}

pub(crate) fn command(program: &str, args: &[&str]) -> Command {
    Command {
        program: program.into(),
        args: args.iter().map(ToString::to_string).collect(),
        env: [("HOOK".to_owned(), "canary-4d1e-value".to_owned())].into(),
        timeout: Duration::from_secs(30),
    }
}

const TOOLS: &str = "commands: { cat: {}, env: {}, sh: { argumentPatterns: ['-c', '.*'] } }";

#[tokio::test]
async fn requests_and_answers_are_those_of_the_original() -> Result<()> {
    let executor = Executor::start(TOOLS)?;
    let health = reqwest::get(executor.url("/health")).await?;
    assert_eq!((health.status(), health.text().await?.as_str()), (StatusCode::OK, r#"{"status":"healthy"}"#));

    let (_, answer) = executor.execute("sh", &["-c", "cat; echo no >&2; exit 3"], b"hi").await?;
    assert_eq!(
        (&answer["stdout"], &answer["stderr"], &answer["exitCode"]),
        (&"hi".into(), &"no\n".into(), &3.into())
    );
    let (_, answer) = executor.execute("cat", &[], b"").await?;
    assert_eq!((&answer["stdout"], &answer["exitCode"]), (&"".into(), &0.into()));

    for (body, status) in [
        ("{", StatusCode::BAD_REQUEST),
        (r#"{"command":"cat","timeout":"soon"}"#, StatusCode::BAD_REQUEST),
        (r#"{"command":"cat","stdin":"?"}"#, StatusCode::BAD_REQUEST),
        (r#"{"command":"rm"}"#, StatusCode::FORBIDDEN),
        (r#"{"command":"cat","env":{"LD_PRELOAD":"x"}}"#, StatusCode::FORBIDDEN),
    ] {
        assert_eq!(executor.post(body).await?.status(), status, "{body}");
    }
    let get = reqwest::Client::new().get(executor.url("/execute")).bearer_auth(TOKEN).send().await?;
    assert_eq!(get.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(reqwest::get(executor.url("/other")).await?.status(), StatusCode::NOT_FOUND);
    Ok(())
}

#[tokio::test]
async fn who_has_no_token_runs_nothing() -> Result<()> {
    let executor = Executor::start(TOOLS)?;
    let asked = || reqwest::Client::new().post(executor.url("/execute")).body(r#"{"command":"cat"}"#);
    for request in [
        asked(),
        asked().bearer_auth("wrong"),
        asked().bearer_auth(""),
        asked().basic_auth(TOKEN, None::<&str>),
    ] {
        assert_eq!(request.send().await?.status(), StatusCode::UNAUTHORIZED);
    }
    fs::write(executor.file("token"), "")?;
    assert_eq!(
        asked().bearer_auth("").send().await?.status(),
        StatusCode::UNAUTHORIZED,
        "an empty file admits nobody"
    );
    fs::write(executor.file("token"), "another")?;
    assert_eq!(
        asked().bearer_auth("another").send().await?.status(),
        StatusCode::OK,
        "a new token counts at once"
    );
    Ok(())
}

#[tokio::test]
async fn a_command_sees_its_own_environment_alone() -> Result<()> {
    let executor = Executor::start(TOOLS)?;
    let output = executor.stream(&command("env", &[]), Vec::new()).await?;
    assert_eq!(String::from_utf8(output)?, "HOOK=canary-4d1e-value\n");
    Ok(())
}

#[tokio::test]
async fn a_stream_of_any_size_takes_no_memory() -> Result<()> {
    const PIECE: usize = 1 << 20;
    let executor = Executor::start(TOOLS)?;
    executor.stream(&command("cat", &[]), vec![Bytes::from_static(b"warm")]).await?;
    let peak = Peak::of(executor.pid())?;
    let input = (0..60_u8).map(|n| Bytes::from(vec![n; PIECE])).collect();
    let output = executor.stream(&command("cat", &[]), input).await?;
    assert!(
        output.chunks(PIECE).zip(0..).all(|(piece, n)| piece == [n; PIECE]) && output.len() == 60 * PIECE
    );
    peak.has_grown_by_at_most(8 << 20)
}

#[tokio::test]
async fn a_stream_says_how_its_command_ended() -> Result<()> {
    let executor = Executor::start(TOOLS)?;
    let ended = async |script: &str| match executor.stream(&command("sh", &["-c", script]), Vec::new()).await
    {
        Err(Error::Ended(ended)) => ended,
        other => panic!("{script}: {other:?}"),
    };
    assert_eq!(ended("echo half; exit 9").await, Ended::Exited(9));
    assert_eq!(ended("kill -9 $$").await, Ended::Killed);
    assert!(matches!(executor.stream(&command("rm", &[]), Vec::new()).await, Err(Error::Denied)));
    let gone = Client::new("http://127.0.0.1:1".parse()?, None);
    let unreachable = gone.run(&command("cat", &[]), stream::empty(), &mut Vec::new(), 1).await;
    assert!(matches!(unreachable, Err(Error::Unreachable(_))), "{unreachable:?}");
    Ok(())
}

#[tokio::test]
async fn nothing_that_goes_through_is_ever_logged() -> Result<()> {
    let executor = Executor::start(TOOLS)?;
    let script = "cat >&2; echo canary-4d1e-output; exit 1 # canary-4d1e-argument";
    let ran = executor
        .stream(&command("sh", &["-c", script]), vec![Bytes::from_static(b"canary-4d1e-input")])
        .await;
    assert!(!format!("{ran:?}").contains("canary"), "{ran:?}");
    executor.execute("sh", &["-c", script], b"canary-4d1e-input").await?;
    executor.execute("rm", &["canary-4d1e-argument"], b"").await?;
    executor.post(r#"{"command":"cat","timeout":"canary-4d1e"}"#).await?;
    let shown =
        reqwest::Client::new().get(executor.url("/metrics")).bearer_auth(TOKEN).send().await?.text().await?;
    assert!(shown.contains(r#"postern_hook_runs_total{outcome="Failed"} 2"#), "{shown}");
    let log = executor.log();
    assert!(log.contains("executing hooks") && !log.contains("canary-4d1e"), "{log}");
    assert!(!shown.contains("canary-4d1e"), "{shown}");
    Ok(())
}
