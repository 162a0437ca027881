//! `postern all`: how soon it is ready, and what it holds and weighs when it has nothing to do.
use crate::{
    outcome::float,
    report::{self, Goal, Row, Section},
    samples::{Samples, Unit},
    setting::Setting,
};
use anyhow::{Context, Result, bail};
use cluster::{Cluster, usage};
use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddrV4, TcpStream},
    time::{Duration, Instant},
};

const MEBIBYTE: f64 = 1024.0 * 1024.0;
const MEGABYTE: f64 = 1e6;
/// How long it has nothing to do before its memory is looked at.
const IDLE: Duration = Duration::from_secs(15);
const PATIENCE: Duration = Duration::from_secs(30);

/// Measures starts, and the memory after each.
pub(crate) async fn measure(setting: &Setting, cluster: &Cluster) -> Result<Section> {
    let (mut ready, mut idle) = (Vec::new(), Vec::new());
    for _ in 0..setting.rounds {
        ready.push(start(cluster).await?.as_secs_f64());
        tokio::time::sleep(IDLE).await;
        let pid = cluster.postern().pid().context("Postern has ended")?;
        idle.push(float(usage::memory(pid)?));
    }
    cluster.postern().touch_slice().await?;
    let program = cluster::postern::program("POSTERN_BIN", "postern")?;
    let size = fs::metadata(&program).with_context(|| format!("failed to see {}", program.display()))?.len();
    let rows = vec![
        Row::new("`postern all`: ready after", Unit::Milliseconds, Samples::new(ready))
            .goal(Goal::AtMost(0.080)),
        Row::new("… idle memory", Unit::Memory, Samples::new(idle)).goal(Goal::AtMost(24.0 * MEBIBYTE)),
        Row::new("the program", Unit::Size, Samples::new(vec![float(size)]))
            .goal(Goal::AtMost(25.0 * MEGABYTE)),
    ];
    let weigh = "cargo build --profile dist && stat --format %s target/dist/postern".to_owned();
    let commands = vec![report::alone("startup"), weigh];
    Ok(Section { title: "Start and rest".to_owned(), method: method(), rows, commands })
}

fn method() -> String {
    "Beside a running kube-apiserver that holds the roles, the CRDs and the certificates' Secrets, Postern is ended \
     and started again with the token of its ServiceAccount. Time runs from just before the fork to the first 200 of \
     `/readyz`, asked each millisecond. Memory is `VmRSS` after 15 s with no source. Postern is, here and \
     in every table of a whole server, the program as it is published: that of the profile `dist`."
        .to_owned()
}

/// Ends Postern, starts it, and returns how long it took to be ready.
async fn start(cluster: &Cluster) -> Result<Duration> {
    let postern = cluster.postern();
    postern.stop().await?;
    let admin = postern.endpoints.admin;
    let began = Instant::now();
    let ready = tokio::task::spawn_blocking(move || ready_at(admin));
    postern.start().await?;
    Ok(ready.await?? - began)
}

/// When `/readyz` first said yes.
fn ready_at(admin: SocketAddrV4) -> Result<Instant> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if is_ready(admin).unwrap_or_default() {
            return Ok(Instant::now());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    bail!("Postern is not ready after {PATIENCE:?}")
}

fn is_ready(admin: SocketAddrV4) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(admin)?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: postern\r\nconnection: close\r\n\r\n")?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer)?;
    Ok(answer.ends_with(b" 200"))
}
