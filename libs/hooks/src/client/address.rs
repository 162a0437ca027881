//! Where an executor listens: on this machine only, since what is sent there is not encrypted.
use std::{fmt, io, net::IpAddr, path::PathBuf, str::FromStr};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
};

/// A Unix socket, or a port of the loopback interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `unix:///run/hooks/executor.sock`
    Unix(PathBuf),
    /// `http://127.0.0.1:8082`
    Loopback(IpAddr, u16),
}

/// What both kinds of connection are.
pub(super) trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

impl Address {
    pub(super) async fn connect(&self) -> io::Result<Box<dyn Connection>> {
        Ok(match self {
            Self::Unix(path) => Box::new(UnixStream::connect(path).await?),
            Self::Loopback(host, port) => Box::new(TcpStream::connect((*host, *port)).await?),
        })
    }
}

/// A text that is no address of an executor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be unix:///path/of/a/socket, or http://127.0.0.1:8082: an executor listens on this machine only"
)]
pub struct NotAnAddress;

impl FromStr for Address {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        if let Some(path) = text.strip_prefix("unix://") {
            return if path.starts_with('/') { Ok(Self::Unix(path.into())) } else { Err(NotAnAddress) };
        }
        let rest = text.strip_prefix("http://").ok_or(NotAnAddress)?;
        let (host, port) = rest.trim_end_matches('/').rsplit_once(':').ok_or(NotAnAddress)?;
        let host = if host == "localhost" { "127.0.0.1" } else { host };
        let host: IpAddr = host.trim_matches(['[', ']']).parse().map_err(|_| NotAnAddress)?;
        let port = port.parse().map_err(|_| NotAnAddress)?;
        if host.is_loopback() { Ok(Self::Loopback(host, port)) } else { Err(NotAnAddress) }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Loopback(IpAddr::V4(host), port) => write!(f, "http://{host}:{port}"),
            Self::Loopback(IpAddr::V6(host), port) => write!(f, "http://[{host}]:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_executor_is_on_this_machine() {
        for good in ["unix:///run/a.sock", "http://127.0.0.1:8082", "http://[::1]:1"] {
            assert_eq!(good.parse::<Address>().map(|address| address.to_string()), Ok(good.to_owned()));
        }
        assert_eq!("http://localhost:8082/".parse(), Ok(Address::Loopback([127, 0, 0, 1].into(), 8082)));
        for bad in [
            "",
            "8082",
            "http://10.0.0.1:80",
            "https://127.0.0.1:1",
            "http://127.0.0.1",
            "unix://a",
            "http://executor:1",
        ] {
            assert_eq!(bad.parse::<Address>(), Err(NotAnAddress), "{bad}");
        }
    }
}
