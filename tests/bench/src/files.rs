//! What the artifact listener serves: small blobs beside the file server of Flux's source-controller, a large one beside
//! nginx.
mod asking;
mod ceiling;

use crate::{
    data,
    fleet::Fleet,
    report::{self, Goal, Row, Section},
    samples::{Samples, Unit},
    setting::Setting,
    source::{LARGE, SMALL, Source},
};
use anyhow::{Context, Result, bail, ensure};
use cluster::{
    Cluster, Postern,
    cores::{self, Cores},
    usage,
};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// How many connections stay open and ask, each one request after the other.
const CONNECTIONS: usize = 16;
/// How long the small blob is asked for, each round.
const SPAN: Duration = Duration::from_secs(3);
/// How often the large one is.
const LARGE_READS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(10);

/// One file at one server.
#[derive(Clone)]
struct File {
    /// The server's process.
    pid: i32,
    address: SocketAddr,
    path: String,
    size: usize,
}

/// Measures the peers in turn.
pub(crate) async fn measure(setting: &Setting, cluster: &Cluster, source: &Source) -> Result<Section> {
    let mut postern = cluster.postern();
    postern.flags.push("--max-artifact-size=200Mi".to_owned());
    let fleet = Fleet::new(cluster, source, "bench-files").await?;
    let cores = Cores::two()?;
    cores.clear(cluster.directory())?;
    let small = small(setting, (cluster, cores), &postern, &fleet).await;
    // Whatever became of it: other parts follow.
    cores.share(cluster.directory())?;
    let mut rows = small?;
    postern.restart().await?;
    rows.push(large(setting, &postern, &fleet).await?);
    cluster.postern().restart().await?;
    Ok(Section {
        title: "Artifacts over HTTP".to_owned(),
        method: method(),
        rows,
        commands: vec![report::alone("files")],
    })
}

/// The small blob, each server on a processor that it has for itself.
async fn small(
    setting: &Setting,
    (cluster, cores): (&Cluster, Cores),
    postern: &Postern,
    fleet: &Fleet<'_>,
) -> Result<Vec<Row>> {
    cores::on(cores.server, || postern.restart())?;
    let ours = published(postern, fleet, "small", "noise-10kib").await?;
    ensure!(ours.size >= SMALL, "noise was compressed");
    let flux = cores::on(cores.server, || cluster.start_source_controller(2))?;
    fs::write(flux.storage.join("blob"), data::noise(ours.size))?;
    let theirs =
        File { pid: flux.pid, address: flux.address.into(), path: "/blob".to_owned(), size: ours.size };
    let bare = cores::on(cores.server, async || ceiling::start(ours.size))?;
    let bare = File { address: bare, ..ours.clone() };
    let rows = tokio::task::block_in_place(|| requests(setting, [&bare, &ours, &theirs]));
    cluster.stop_source_controller().await?;
    rows
}

/// The large one, beside nginx.
async fn large(setting: &Setting, postern: &Postern, fleet: &Fleet<'_>) -> Result<Row> {
    let ours = published(postern, fleet, "large", "noise").await?;
    ensure!(ours.size >= LARGE, "noise was compressed");
    let nginx = Nginx::start(&setting.scratch, ours.size)?;
    tokio::task::block_in_place(|| rates(setting, [&ours, &nginx.file]))
}

fn method() -> String {
    format!(
        "{CONNECTIONS} connections that stay open ask for one blob again and again, each waiting for the answer. The small one is asked \
         for by one thread that waits for all of them, for {} s a round in turn, of Postern, of the file server of source-controller v1.9.1, \
         as Flux runs it, and of a thread of the bench that does nothing but read and write: no server that answers each request by \
         itself is faster here. Each server was started on a processor that it has for itself (Flux's own Deployment allows its controller \
         one), the client has the other. The large one is asked for {LARGE_READS} times a connection, over two, of Postern and of nginx \
         1.22 with `sendfile off` and two workers (both then copy what they send through user space); they share the two processors \
         with the clients. Postern keeps its store in `file://`, has verified each blob once, and counts each answer.",
        SPAN.as_secs()
    )
}

fn row(what: &str, unit: Unit, [ours, theirs]: [Vec<f64>; 2]) -> Row {
    Row::new(what, unit, Samples::new(ours)).beside(Samples::new(theirs))
}

fn requests(setting: &Setting, [bare, ours, theirs]: [&File; 3]) -> Result<Vec<Row>> {
    let [mut requests, mut costs] = [const { [Vec::new(), Vec::new()] }; 2];
    let mut most = Vec::new();
    for _ in 0..setting.rounds {
        let (count, seconds) = requests_in(bare)?;
        most.push(count / seconds);
        for (peer, file) in [ours, theirs].into_iter().enumerate() {
            let before = usage::cpu_time(file.pid)?;
            let (count, seconds) = requests_in(file)?;
            let used = usage::cpu_time(file.pid)? - before;
            requests[peer].push(count / seconds);
            costs[peer].push(used.as_secs_f64() / count);
        }
    }
    let ceiling = "10 KiB of a thread that only reads and writes, in Postern's place";
    Ok(vec![
        row(ceiling, Unit::PerSecond, [most, requests[1].clone()]),
        row("10 KiB, beside source-controller", Unit::PerSecond, requests).goal(Goal::TimesPeer(5.0)),
        row("… processor time a request", Unit::Microseconds, costs),
    ])
}

fn rates(setting: &Setting, peers: [&File; 2]) -> Result<Row> {
    let mut rates = [const { Vec::new() }; 2];
    for _ in 0..setting.rounds {
        for (peer, file) in peers.into_iter().enumerate() {
            rates[peer].push(bytes_a_second(file)?);
        }
    }
    Ok(row("100 MiB, beside nginx", Unit::Rate, rates).goal(Goal::TimesPeer(0.9)))
}

/// Where Postern serves what it has stored of a source by that name.
async fn published(postern: &Postern, fleet: &Fleet<'_>, name: &str, path: &str) -> Result<File> {
    let pid = postern.pid().context("Postern has ended")?;
    let url = fleet.publish(name, path).await?;
    let (host, path) =
        url.strip_prefix("http://").and_then(|url| url.split_once('/')).context(url.clone())?;
    let mut file = File { pid, address: host.parse()?, path: format!("/{path}"), size: 0 };
    file.size = Reader::connect(&file)?.read()?;
    Ok(file)
}

/// How many requests were answered, in how many seconds.
fn requests_in(file: &File) -> Result<(f64, f64)> {
    let began = Instant::now();
    let count = asking::for_a_while(file, CONNECTIONS, SPAN)?;
    Ok((f64::from(count), began.elapsed().as_secs_f64()))
}

fn bytes_a_second(file: &File) -> Result<f64> {
    let began = Instant::now();
    let sizes =
        each_connection(2, |reader| (0..LARGE_READS).map(|_| reader.read()).sum::<Result<usize>>(), file)?;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52 bytes")]
    Ok(sizes.into_iter().sum::<usize>() as f64 / began.elapsed().as_secs_f64())
}

/// Runs `act` on as many connections, each in a thread.
fn each_connection<T: Send>(
    count: usize,
    act: impl Fn(&mut Reader) -> Result<T> + Sync,
    file: &File,
) -> Result<Vec<T>> {
    std::thread::scope(|scope| {
        let readers = (0..count).map(|_| scope.spawn(|| act(&mut Reader::connect(file)?)));
        let readers: Vec<_> = readers.collect();
        readers.into_iter().map(|reader| reader.join().expect("a reader does not panic")).collect()
    })
}

/// A client that costs as little as can be, so that the server is what is measured.
struct Reader {
    stream: BufReader<TcpStream>,
    request: Vec<u8>,
    buffer: Vec<u8>,
}

impl Reader {
    fn connect(file: &File) -> Result<Self> {
        let stream = TcpStream::connect(file.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let request = format!("GET {} HTTP/1.1\r\nHost: bench\r\n\r\n", file.path).into_bytes();
        Ok(Self { stream: BufReader::with_capacity(64 << 10, stream), request, buffer: vec![0; 256 << 10] })
    }

    /// Asks once, and returns the size of what came.
    fn read(&mut self) -> Result<usize> {
        self.stream.get_mut().write_all(&self.request)?;
        let (mut line, mut size) = (String::new(), None);
        loop {
            line.clear();
            ensure!(self.stream.read_line(&mut line)? > 0, "the server left");
            if line == "\r\n" {
                break;
            }
            if line.starts_with("HTTP/") {
                ensure!(line.starts_with("HTTP/1.1 200 "), "the server answered {}", line.trim_end());
            } else if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                size = Some(value.trim().parse::<usize>()?);
            }
        }
        let size = size.context("the answer has no length")?;
        let mut left = size;
        while left > 0 {
            let most = left.min(self.buffer.len());
            let read = self.stream.read(&mut self.buffer[..most])?;
            ensure!(read > 0, "the server left");
            left -= read;
        }
        Ok(size)
    }
}

/// A running nginx, which serves one file; it ends when dropped.
struct Nginx {
    process: Child,
    file: File,
}

impl Nginx {
    fn start(scratch: &Path, size: usize) -> Result<Self> {
        let folder = scratch.join("nginx");
        fs::create_dir_all(folder.join("www"))?;
        fs::write(folder.join("www/blob"), data::noise(size))?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let configuration = format!(
            "daemon off;\nworker_processes 2;\npid nginx.pid;\nerror_log error.log;\nevents {{}}\nhttp {{\n  access_log off;\n  sendfile off;\n  \
             keepalive_requests 1000000;\n  server {{ listen {address}; root www; }}\n}}\n"
        );
        fs::write(folder.join("nginx.conf"), configuration)?;
        let process = Command::new("nginx")
            .arg("-p")
            .arg(&folder)
            .arg("-c")
            .arg("nginx.conf")
            .stderr(Stdio::null())
            .spawn()
            .context("failed to run nginx: install it (on Debian, nginx-light)")?;
        let pid = process.id().cast_signed();
        let nginx = Self { process, file: File { pid, address, path: "/blob".to_owned(), size } };
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            if began.elapsed() > PATIENCE {
                bail!("nginx is not ready after {PATIENCE:?}");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(nginx)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its workers end with a master that is asked to; one that is killed leaves them behind.
        let pid = nix::unistd::Pid::from_raw(self.process.id().cast_signed());
        let _gone_is_fine = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        let _gone_is_fine = self.process.wait();
    }
}
