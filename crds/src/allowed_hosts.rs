//! Which hosts the sources of a namespace may lead to, as the operator's file says. Pure: who reads the file brings its text.
//!
//! Namespaces go by their names and not by their labels, which those who own a namespace may write. The first entry whose
//! names cover a namespace says everything about it, as in a firewall; a namespace that none covers may reach nothing.
use serde::Deserialize;
use std::{net::IpAddr, sync::Arc};
use url::Url;

/// Larger files are refused: they are read again every second.
const LARGEST: usize = 1 << 20;

/// The entries of the file, in its order.
#[derive(Debug, Default)]
pub struct AllowedHosts {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    namespaces: Vec<String>,
    hosts: Arc<[String]>,
}

/// The hosts that the sources of one namespace may lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespaceHosts {
    namespace: Arc<str>,
    hosts: Arc<[String]>,
}

/// Why a text is no such file.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// It is larger than it may be.
    #[error("the file is larger than 1 MiB")]
    TooLarge,
    /// It is not the YAML that is expected.
    #[error("the file cannot be read: {0}")]
    Unreadable(String),
    /// Something in it is no name.
    #[error("{field} is {text:?}, and must be {wanted}")]
    Pattern {
        /// Where it stands.
        field: String,
        /// What stands there.
        text: String,
        /// What may.
        wanted: &'static str,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    namespaces: Vec<String>,
    #[serde(default)]
    hosts: Vec<String>,
}

impl AllowedHosts {
    /// Reads a file's text: a list of entries, each with `namespaces` and `hosts`.
    ///
    /// # Errors
    /// Something in it cannot be used; half a list is none.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.len() > LARGEST {
            return Err(Invalid::TooLarge);
        }
        let written: Vec<Written> =
            serde_saphyr::from_str(text).map_err(|error| Invalid::Unreadable(error.to_string()))?;
        let entry = |(i, entry): (usize, Written)| {
            let namespaces = all(&format!("[{i}].namespaces"), entry.namespaces, namespace)?;
            Ok(Entry { namespaces, hosts: all(&format!("[{i}].hosts"), entry.hosts, host)?.into() })
        };
        Ok(Self { entries: written.into_iter().enumerate().map(entry).collect::<Result<_, _>>()? })
    }

    /// What it says of a namespace.
    pub fn of(&self, namespace: &str) -> NamespaceHosts {
        let covers = |entry: &&Entry| entry.namespaces.iter().any(|pattern| is_named(pattern, namespace));
        let hosts = self.entries.iter().find(covers).map(|entry| Arc::clone(&entry.hosts));
        NamespaceHosts { namespace: namespace.into(), hosts: hosts.unwrap_or_default() }
    }
}

impl NamespaceHosts {
    /// Why that host may not be reached; `None` if it may. A host with a port is judged without it.
    pub fn refusal(&self, host: &str) -> Option<String> {
        let name = meant(host);
        let allowed =
            name.as_deref().is_some_and(|name| self.hosts.iter().any(|pattern| covers(pattern, name)));
        let Self { namespace, .. } = self;
        (!allowed).then(|| {
            format!(
                "sources in namespace {namespace} may not lead to {host}; choose another host, or have the operator of this \
                 installation list it in the file of --allowed-hosts-file"
            )
        })
    }
}

/// As URLs mean it: in lower case, without port and final dot, an address in its usual form.
fn meant(host: &str) -> Option<String> {
    let url = Url::parse(&format!("http://{host}/")).ok()?;
    let name = url.host_str()?.trim_start_matches('[').trim_end_matches(']');
    Some(name.strip_suffix('.').unwrap_or(name).to_owned())
}

/// Every name below `*.name`, at any depth; `*` is every host.
fn covers(pattern: &str, name: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some("") => true,
        Some(suffix) => name.len() > suffix.len() && name.ends_with(suffix),
        None => pattern == name,
    }
}

/// `*` at the end stands for any rest.
fn is_named(pattern: &str, namespace: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => namespace.starts_with(prefix),
        None => pattern == namespace,
    }
}

fn all(
    field: &str,
    texts: Vec<String>,
    read: impl Fn(&str) -> Result<String, &'static str>,
) -> Result<Vec<String>, Invalid> {
    let read = |(i, text): (usize, String)| {
        read(&text).map_err(|wanted| Invalid::Pattern { field: format!("{field}[{i}]"), text, wanted })
    };
    texts.into_iter().enumerate().map(read).collect()
}

fn namespace(text: &str) -> Result<String, &'static str> {
    let name = text.strip_suffix('*').unwrap_or(text);
    let is_name = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let fits = is_name && !text.is_empty() && text.len() <= 63;
    if fits { Ok(text.to_owned()) } else { Err("the name of a namespace, or how names begin and a *") }
}

fn host(text: &str) -> Result<String, &'static str> {
    const WANTED: &str =
        "the name of a host or its address, *.NAME for all below it, or *; without port and path";
    let name = text.strip_prefix("*.").unwrap_or(text);
    if text == "*" || (text.parse::<IpAddr>().is_ok() && meant(&bracketed(text)).as_deref() == Some(text)) {
        return Ok(text.to_owned());
    }
    let lower = name.to_ascii_lowercase();
    let is_made_of = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    // What the parser of URLs makes another name of, no source could ever lead to.
    if name.bytes().all(is_made_of) && meant(&lower).as_deref() == Some(lower.as_str()) {
        return Ok(text.to_ascii_lowercase());
    }
    Err(WANTED)
}

fn bracketed(address: &str) -> String {
    if address.contains(':') { format!("[{address}]") } else { address.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
- namespaces: [team-a, team-a-*]
  hosts: ["*.Example.com", api.github.com, 192.0.2.7, "2001:db8::7"]
- namespaces: [closed]
- namespaces: ["*"]
  hosts: ["*"]
"#;

    fn allows(namespace: &str, host: &str) -> bool {
        AllowedHosts::parse(FILE).expect("a good file").of(namespace).refusal(host).is_none()
    }

    #[test]
    fn a_namespace_reaches_the_hosts_of_its_first_entry_and_no_others() {
        for host in [
            "a.example.com",
            "a.b.example.com:8443",
            "A.EXAMPLE.COM",
            "a.example.com.",
            "api.github.com",
            "192.0.2.7:80",
            "0xc0000207",
            "[2001:db8::7]:443",
        ] {
            assert!(allows("team-a", host) && allows("team-a-dev", host), "{host}");
        }
        for host in [
            "example.com",
            "evilexample.com",
            "github.com",
            "api.github.com.evil.dev",
            "192.0.2.8",
            "[::1]",
            "",
            "a b",
        ] {
            assert!(!allows("team-a", host), "{host}");
        }
        assert!(allows("other", "github.com") && !allows("closed", "api.github.com"));
    }

    #[test]
    fn a_namespace_that_no_entry_covers_reaches_nothing() {
        let hosts = AllowedHosts::parse("- namespaces: [a]\n  hosts: ['*']").expect("a good file");
        let told = hosts.of("b").refusal("example.com:8443").expect("refused");
        assert!(told.starts_with("sources in namespace b may not lead to example.com:8443; "), "{told}");
        assert!(told.ends_with("--allowed-hosts-file"), "{told}");
    }

    #[test]
    fn what_no_source_could_mean_is_refused_and_named() {
        for (text, field) in [
            ("- namespaces: [Team]", "[0].namespaces[0]"),
            ("- namespaces: ['*-a']", "[0].namespaces[0]"),
            ("- namespaces: [a]\n  hosts: [b, 'https://c']", "[0].hosts[1]"),
            ("- namespaces: [a]\n  hosts: ['c:443']", "[0].hosts[0]"),
            ("- namespaces: [a]\n  hosts: ['a.*.c']", "[0].hosts[0]"),
            ("- namespaces: [a]\n  hosts: ['*c']", "[0].hosts[0]"),
            ("- namespaces: [a]\n  hosts: ['']", "[0].hosts[0]"),
            ("- namespaces: [a]\n  hosts: ['127.1']", "[0].hosts[0]"),
            ("- namespaces: [a]\n  hosts: ['c.']", "[0].hosts[0]"),
        ] {
            let told = AllowedHosts::parse(text).expect_err("no pattern").to_string();
            assert!(told.starts_with(field), "{text}: {told}");
        }
        for text in ["- hosts: [a]", "namespaces: [a]", "- { namespaces: [a], host: [b] }", "- ["] {
            assert!(matches!(AllowedHosts::parse(text), Err(Invalid::Unreadable(_))), "{text}");
        }
        assert_eq!(AllowedHosts::parse(&"#".repeat(LARGEST + 1)).err(), Some(Invalid::TooLarge));
    }
}
