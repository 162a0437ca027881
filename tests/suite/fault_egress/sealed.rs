//! A network of its own for one test: no way out of it, and every address that there is, of both families, is local to it.
use anyhow::{Context, Result, ensure};
use nix::sched::{CloneFlags, unshare};
use std::{
    collections::VecDeque,
    fmt::Write,
    io,
    net::{IpAddr, Ipv4Addr},
    process::Command,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// Where the source listens that redirects: a public address, and local here as all are.
pub(super) const PUBLIC: Ipv4Addr = Ipv4Addr::new(9, 9, 9, 9);
pub(super) const PORT: u16 = 8080;

/// Where spellings with a port lead: of HTTP, kube-apiserver, kubelets, etcd; and the last one that there is.
const PORTS: [u16; 7] = [80, 443, PORT, 6443, 10250, 2379, 65535];

/// Runs `work` where no packet leaves, whatever it does wrong, and where these names have these addresses.
pub(super) fn run<F: Future<Output = Result<()>>>(
    hosts: Vec<(String, IpAddr)>,
    work: impl FnOnce(Listeners) -> F + Send + 'static,
) -> Result<()> {
    // Namespaces belong to threads. Those that look up names are started by this one, and share its.
    let thread = std::thread::spawn(move || {
        seal(&hosts)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async { work(Listeners::start().await?).await })
    });
    thread.join().map_err(|_| anyhow::anyhow!("the test panicked"))?
}

fn seal(hosts: &[(String, IpAddr)]) -> Result<()> {
    unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).context("a network of its own")?;
    run_program("mount", &["--make-rprivate", "/"])?;
    let file = tempfile::NamedTempFile::new()?;
    let mut text = String::from("127.0.0.1 localhost\n::1 localhost\n");
    for (name, address) in hosts {
        writeln!(text, "{address} {name}")?;
    }
    std::fs::write(file.path(), text)?;
    let path = file.path().to_str().context("a path of this machine")?;
    run_program("mount", &["--bind", path, "/etc/hosts"])?;
    run_program("ip", &["link", "set", "dev", "lo", "up"])?;
    run_program("ip", &["route", "add", "local", "0.0.0.0/0", "dev", "lo"])?;
    run_program("ip", &["-6", "route", "add", "local", "::/0", "dev", "lo"])
}

fn run_program(program: &str, arguments: &[&str]) -> Result<()> {
    let status = Command::new(program).args(arguments).status().with_context(|| program.to_owned())?;
    ensure!(status.success(), "{program} {} failed", arguments.join(" "));
    Ok(())
}

/// Listeners at every address. They end with the runtime of the test.
#[derive(Clone, Default)]
pub(super) struct Listeners(Arc<State>);

#[derive(Default)]
struct State {
    location: Mutex<String>,
    arrived: Mutex<VecDeque<IpAddr>>,
}

impl Listeners {
    async fn start() -> Result<Self> {
        let listeners = Self::default();
        for port in PORTS {
            let listener = TcpListener::bind(("::", port)).await?;
            tokio::spawn(listeners.clone().listen(listener));
        }
        Ok(listeners)
    }

    /// From now on the public source redirects to there.
    pub(super) fn redirect_to(&self, location: &str) {
        location.clone_into(&mut self.0.location.lock().expect("nobody panics with it"));
    }

    /// The closed addresses at which somebody arrived.
    pub(super) fn arrivals(&self) -> Vec<IpAddr> {
        self.0.arrived.lock().expect("nobody panics with it").iter().copied().collect()
    }

    /// Begins to count anew.
    pub(super) fn forget(&self) {
        self.0.arrived.lock().expect("nobody panics with it").clear();
    }

    async fn listen(self, listener: TcpListener) {
        let mut open = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            match stream.local_addr().map(|local| local.ip().to_canonical()) {
                Ok(IpAddr::V4(PUBLIC)) => drop(open.spawn(self.clone().redirect(stream))),
                // Whoever arrives hears nothing: that it arrived is enough.
                Ok(other) => self.0.arrived.lock().expect("nobody panics with it").push_back(other),
                Err(_) => {}
            }
        }
    }

    /// Sends whoever asks for `/start` elsewhere, and answers everything else.
    async fn redirect(self, mut stream: TcpStream) -> io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        let location = self.0.location.lock().expect("nobody panics with it").clone();
        let answer = match head.starts_with(b"GET /start ") && !location.is_empty() {
            true => format!(
                "HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            ),
            false => "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ndata".to_owned(),
        };
        stream.write_all(answer.as_bytes()).await
    }
}
