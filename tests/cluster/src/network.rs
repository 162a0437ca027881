//! The network of one cluster: a bridge without ports, whose address kube-apiserver can reach (EndpointSlices refuse
//! loopback), a /24 each for it, for services and for pods, and a loopback address of its own for everything else.
//!
//! The kernel keeps the record of who owns what: a bridge is created or it exists already, never both, and its alias names
//! the owner's folder. It is removed by its owner, or once no process of that owner is left.
use crate::{directory::Directory, process::Process};
use anyhow::{Context, Result, bail, ensure};
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddrV4, TcpListener},
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixListener},
    },
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

const ALIAS: &str = "postern-cluster:";
const ALIAS_LIMIT: usize = 255;
const LOCK_PATIENCE: Duration = Duration::from_secs(30);

/// One of 256 networks that a machine can hold at once; every address follows from its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    slot: u8,
}

impl Network {
    /// Takes the first free one for this folder's cluster.
    pub(crate) fn acquire(owner: &Directory) -> Result<Self> {
        let alias = format!("{ALIAS}{}", owner.path().display());
        ensure!(
            alias.len() <= ALIAS_LIMIT,
            "the path {} is too long: choose a shorter one",
            owner.path().display()
        );
        let _lock = lock()?;
        release_abandoned(owner)?;
        let routes = routes()?;
        for network in (0..=u8::MAX).map(|slot| Self { slot }) {
            let taken = network.ranges().iter().any(|range| routes.iter().any(|route| overlap(range, route)));
            if !taken && network.create(&alias)? {
                return Ok(network);
            }
        }
        bail!("every network from 10.201.0.0/24 to 10.201.255.0/24 is taken on this machine: end a cluster")
    }

    /// Removes the bridge, and with it its address and routes, if it is this owner's.
    pub(crate) fn release(owner: &Directory) -> Result<()> {
        let _lock = lock()?;
        for (bridge, of) in bridges()? {
            if of == owner.path() {
                ip(&["link", "delete", "dev", &bridge])?;
            }
        }
        Ok(())
    }

    /// The bridge's name.
    pub fn bridge(&self) -> String {
        format!("postern{}", self.slot)
    }

    /// The bridge's address: where kube-apiserver reaches processes of this machine.
    pub fn address(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 201, self.slot, 1)
    }

    /// A loopback address that no other cluster uses.
    pub fn loopback(&self) -> Ipv4Addr {
        Ipv4Addr::new(127, 201, self.slot, 1)
    }

    /// The bridge's own range.
    pub fn hosts(&self) -> Ipv4Net {
        range(201, self.slot)
    }

    /// Addresses of Services.
    pub fn services(&self) -> Ipv4Net {
        range(202, self.slot)
    }

    /// Addresses of Pods.
    pub fn pods(&self) -> Ipv4Net {
        range(203, self.slot)
    }

    fn ranges(&self) -> [Ipv4Net; 3] {
        [self.hosts(), self.services(), self.pods()]
    }

    /// False if another cluster was faster.
    fn create(&self, alias: &str) -> Result<bool> {
        let bridge = self.bridge();
        let added = ip_output(&["link", "add", &bridge, "type", "bridge"])?;
        if !added.status.success() {
            let why = String::from_utf8_lossy(&added.stderr);
            ensure!(why.contains("File exists"), "failed to create the bridge {bridge}: {}", why.trim());
            return Ok(false);
        }
        ip(&["link", "set", "dev", &bridge, "alias", alias, "up"])?;
        ip(&["address", "add", &format!("{}/24", self.address()), "dev", &bridge])?;
        // Otherwise a packet for a service or a pod would leave this machine by its default route.
        for range in [self.services(), self.pods()] {
            ip(&["route", "add", &range.to_string(), "dev", &bridge])?;
        }
        Ok(true)
    }
}

/// What was given out, so that two who ask at once do not get the same before one of them listens.
static GIVEN: Mutex<BTreeSet<SocketAddrV4>> = Mutex::new(BTreeSet::new());

/// A port that is free at this address now, from `preferred` on, and below those that the kernel hands to clients: a
/// server that restarts must find its port again.
pub(crate) fn free_port(address: Ipv4Addr, preferred: u16) -> Result<SocketAddrV4> {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    (preferred..32_000)
        .map(|port| SocketAddrV4::new(address, port))
        .find(|candidate| TcpListener::bind(candidate).is_ok() && given.insert(*candidate))
        .with_context(|| format!("no port from {preferred} on is free at {address}"))
}

fn range(second: u8, slot: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(10, second, slot, 0), 24)
}

/// Wide routes, such as a company's 10.0.0.0/8, don't count: ours are more specific and win.
fn overlap(range: &Ipv4Net, route: &Ipv4Net) -> bool {
    route.prefix_len() >= 16 && (range.contains(route) || route.contains(range))
}

fn routes() -> Result<Vec<Ipv4Net>> {
    #[derive(Deserialize)]
    struct Route {
        dst: String,
    }
    let routes: Vec<Route> = ip_json(&["-4", "-json", "route", "show", "table", "all"])?;
    let parse =
        |text: &str| text.parse().ok().or_else(|| Some(Ipv4Net::from(text.parse::<Ipv4Addr>().ok()?)));
    Ok(routes.iter().filter_map(|route| parse(&route.dst)).collect())
}

/// Whoever looks at bridges to change them is alone while it does: between the look and the change, a name could
/// otherwise pass from one owner to another. An abstract socket is a lock as wide as the network namespace, and the
/// kernel drops it when its holder ends.
fn lock() -> Result<UnixListener> {
    let name = SocketAddr::from_abstract_name("postern-cluster-network")?;
    let began = Instant::now();
    loop {
        match UnixListener::bind_addr(&name) {
            Err(error) if error.kind() == ErrorKind::AddrInUse && began.elapsed() < LOCK_PATIENCE => {
                std::thread::sleep(Duration::from_millis(5));
            }
            taken => return taken.context("failed to lock the bridges of this machine"),
        }
    }
}

/// Bridges that clusters own, with the owner's folder.
fn bridges() -> Result<Vec<(String, PathBuf)>> {
    #[derive(Deserialize)]
    struct Link {
        ifname: Option<String>,
        ifalias: Option<String>,
    }
    let links: Vec<Link> = ip_json(&["-json", "link", "show", "type", "bridge"])?;
    let owned = |link: Link| Some((link.ifname?, link.ifalias?.strip_prefix(ALIAS)?.into()));
    Ok(links.into_iter().filter_map(owned).collect())
}

/// What an owner left that was killed, or that lost its folder's records and starts anew.
fn release_abandoned(newcomer: &Directory) -> Result<()> {
    for (bridge, owner) in bridges()? {
        if owner == newcomer.path() || is_abandoned(&owner)? {
            ip(&["link", "delete", "dev", &bridge])?;
        }
    }
    Ok(())
}

/// A folder that is not there proves nothing: its owner may live in another mount namespace.
fn is_abandoned(owner: &Path) -> Result<bool> {
    let directory = Directory::at(owner)?;
    let running = |name: &String| Process::new(&directory, name).pid().is_some();
    Ok(owner.is_dir() && !Process::recorded(&directory).iter().any(running))
}

fn ip(arguments: &[&str]) -> Result<Vec<u8>> {
    let output = ip_output(arguments)?;
    let why = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "ip {} failed: {}", arguments.join(" "), why.trim());
    Ok(output.stdout)
}

fn ip_json<T: for<'de> Deserialize<'de>>(arguments: &[&str]) -> Result<Vec<T>> {
    let text = ip(arguments)?;
    // Nothing to show is no output at all, not an empty list.
    if text.trim_ascii().is_empty() {
        return Ok(Vec::new());
    }
    serde_json::from_slice(&text)
        .with_context(|| format!("failed to read what ip {} says", arguments.join(" ")))
}

fn ip_output(arguments: &[&str]) -> Result<std::process::Output> {
    Command::new("ip").args(arguments).output().context("failed to run ip: install iproute2")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_two_clusters_never_meet() {
        let (one, other) = (Network { slot: 1 }, Network { slot: 2 });
        for range in one.ranges() {
            assert!(other.ranges().iter().all(|taken| !overlap(&range, taken)));
            assert!(one.ranges().iter().any(|taken| overlap(&range, taken)));
        }
    }

    #[test]
    fn a_wide_route_leaves_room() {
        let wide = "10.0.0.0/8".parse().expect("range");
        assert!(!overlap(&Network { slot: 0 }.hosts(), &wide));
        let narrow = "10.201.0.0/16".parse().expect("range");
        assert!(overlap(&Network { slot: 0 }.hosts(), &narrow));
    }

    #[test]
    fn a_port_that_is_taken_is_passed_over() {
        let local = Ipv4Addr::LOCALHOST;
        let first = free_port(local, 21_000).unwrap();
        let _taken = TcpListener::bind(first).unwrap();
        assert!(free_port(local, first.port()).unwrap().port() > first.port());
    }

    #[test]
    fn only_an_owner_that_is_there_and_has_no_process_left_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let directory = Directory::at(folder.path()).unwrap();
        assert!(is_abandoned(folder.path()).unwrap());
        directory.create().unwrap();
        Process::new(&directory, "builder").record(nix::unistd::Pid::this()).unwrap();
        assert!(!is_abandoned(folder.path()).unwrap());
        assert!(!is_abandoned(&folder.path().join("elsewhere")).unwrap());
    }
}
