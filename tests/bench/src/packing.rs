//! One large body from a server into a `file://` store: Postern's pipeline beside the Go twin.
use crate::{
    outcome::{Outcome, Outcomes},
    report::{Goal, Row, Section},
    samples::{Samples, Unit},
    setting::Setting,
    source::{LARGE, Source},
};
use anyhow::{Context, Result, ensure};
use std::{
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

/// What the growth of resident memory may be for 100 MiB.
const GROWTH: f64 = 16.0 * 1024.0 * 1024.0;

/// Where a pass leaves its archive, from the root of the store.
pub(crate) const BLOBS: &str = "externalsource/bench/source";

/// Measures both peers in turn, each round of each in a process and a store of its own.
pub(crate) fn measure(setting: &Setting, source: &Source) -> Result<Section> {
    let bench = Bench { setting, source };
    let twin = bench.build_twin()?;
    let sources = bench.rounds(&twin, "sources")?;
    let noise = bench.rounds(&twin, "noise")?;
    let text = bench.rounds(&twin, "text")?;
    let medium = bench.rounds(&twin, "text-1mib")?;
    let mut rows = vec![bench.download("text")?];
    rows.extend(large("100 MiB of source code: rate", &sources, Some(3.0)));
    rows.extend(large("100 MiB, incompressible: rate", &noise, Some(5.0)));
    rows.extend(large("100 MiB of repetitive JSON: rate", &text, None));
    rows.push(
        Row::new("1 MiB of text: memory growth", Unit::Memory, medium.postern.growths())
            .beside(medium.twin.growths()),
    );
    Ok(Section { title: "Fetch, pack, store".to_owned(), method: method(), rows, commands: commands() })
}

/// The lines of one large body. Without a goal for the rate they are for information, but for memory.
fn large(what: &str, peers: &Peers, times: Option<f64>) -> Vec<Row> {
    let Peers { postern, twin } = peers;
    let rate = Row::new(what, Unit::Rate, postern.rates(LARGE)).beside(twin.rates(LARGE));
    let size = Row::new("… archive", Unit::Size, postern.stored()).beside(twin.stored());
    let growth = Row::new("… memory growth", Unit::Memory, postern.growths()).beside(twin.growths());
    let (rate, size) = match times {
        Some(times) => (rate.goal(Goal::TimesPeer(times)), size.goal(Goal::WithinPeer(1.1))),
        None => (rate, size),
    };
    let time = Row::new("… processor time", Unit::Seconds, postern.cpu_seconds()).beside(twin.cpu_seconds());
    vec![rate, size, growth.goal(Goal::AtMost(GROWTH)), time]
}

fn method() -> String {
    "Both peers fetch the same body from the same server on loopback (in the bench's process, from memory), pack it as \
     one file in a tar.gz, digest the archive, and store it through a temporary file, fsync, rename and fsync of the \
     folder. They run in turn, each round in a process of its own, on the same two processors, which the server \
     shares. The twin (`tests/bench/twin`) is Go's standard library alone at its default level, three goroutines, \
     `GOMAXPROCS=2`. Postern hashes three times what the twin hashes once: the body and the archive with SHA-256, the \
     tar with BLAKE3. On a processor without SHA instructions SHA-256 takes most of the processor time of an \
     incompressible body. Time runs inside each process, from the request to the durable name; \
     memory growth is the peak of the whole process (`VmHWM`) above what it held before the request. Every archive is \
     unpacked and compared with the body.\n\n\
     The source code is the Rust files of Postern's dependencies, as `Cargo.lock` pins them: text that nobody made for \
     a bench. The JSON is generated from a fixed seed (`tests/bench/src/data.rs`), an export of Kubernetes objects that \
     repeats itself far more than files do, so that deflate has little to do and the rest weighs more; it is there \
     for information."
        .to_owned()
}

fn commands() -> Vec<String> {
    [
        "target/release/bench source --listen 127.0.0.1:8700 &",
        "target/release/bench pipeline --url http://127.0.0.1:8700/sources --store file://$EMPTY_FOLDER",
        "go build -C tests/bench/twin -o ../../../target/twin .",
        "GOMAXPROCS=2 target/twin -url http://127.0.0.1:8700/sources -dir $EMPTY_FOLDER",
    ]
    .map(str::to_owned)
    .to_vec()
}

struct Bench<'a> {
    setting: &'a Setting,
    source: &'a Source,
}

struct Peers {
    postern: Outcomes,
    twin: Outcomes,
}

impl Bench<'_> {
    fn build_twin(&self) -> Result<PathBuf> {
        let program = self.setting.scratch.join("twin");
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("twin");
        let build = Command::new("go").arg("build").arg("-o").arg(&program).current_dir(folder).status();
        ensure!(build.context("failed to run go")?.success(), "the Go twin does not build");
        Ok(program)
    }

    fn rounds(&self, twin: &Path, path: &str) -> Result<Peers> {
        let mut peers = Peers { postern: Outcomes(Vec::new()), twin: Outcomes(Vec::new()) };
        for _ in 0..self.setting.rounds {
            peers.postern.0.push(postern(self.setting, self.source, path, &[])?);
            peers.twin.0.push(self.twin(twin, path)?);
        }
        Ok(peers)
    }

    fn twin(&self, program: &Path, path: &str) -> Result<Outcome> {
        let store = tempfile::tempdir_in(&self.setting.scratch)?;
        let mut command = Command::new(program);
        command.arg("-url").arg(self.source.url(path)).arg("-dir").arg(store.path()).env("GOMAXPROCS", "2");
        let outcome = Outcome::of(&mut command)?;
        verify(self.source, store.path(), path, &outcome)?;
        Ok(outcome)
    }

    /// How fast the body comes when nobody does anything with it: the ceiling of both peers.
    fn download(&self, path: &str) -> Result<Row> {
        let mut rates = Vec::new();
        for _ in 0..self.setting.rounds {
            let start = Instant::now();
            let mut stream = TcpStream::connect(self.source.address)?;
            write!(stream, "GET /{path} HTTP/1.0\r\n\r\n")?;
            let received = std::io::copy(&mut stream, &mut std::io::sink())?;
            ensure!(received > LARGE as u64, "the source sent {received} bytes only");
            rates.push(LARGE as f64 / start.elapsed().as_secs_f64());
        }
        Ok(Row::new("the server's ceiling: receive and forget", Unit::Rate, Samples::new(rates)))
    }
}

/// One pass of Postern's pipeline in a process and a store of its own.
pub(crate) fn postern(setting: &Setting, source: &Source, path: &str, flags: &[String]) -> Result<Outcome> {
    let store = tempfile::tempdir_in(&setting.scratch)?;
    let url = format!("file://{}", store.path().display());
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("pipeline").arg("--url").arg(source.url(path)).arg("--store").arg(url).args(flags);
    let outcome = Outcome::of(&mut command)?;
    verify(source, &store.path().join(BLOBS), path, &outcome)?;
    Ok(outcome)
}

/// A rate counts only for a correct archive.
pub(crate) fn verify(source: &Source, folder: &Path, path: &str, outcome: &Outcome) -> Result<()> {
    let archive = folder.join(&outcome.digest).with_extension("tar.gz");
    let mut tar = Command::new("tar").arg("-xzOf").arg(&archive).stdout(Stdio::piped()).spawn()?;
    let mut unpacked = Vec::new();
    tar.stdout.take().expect("it is piped").read_to_end(&mut unpacked)?;
    ensure!(tar.wait()?.success(), "{} does not unpack", archive.display());
    ensure!(unpacked == source.body(path), "{} does not hold the body", archive.display());
    Ok(())
}
