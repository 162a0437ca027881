//! An OCI registry of this machine: that of the Distribution project over a folder, and cosign beside it.
use crate::{directory::Directory, network::free_port, pki, process::Process};
use anyhow::{Context, Result, ensure};
use std::{
    ffi::OsStr,
    fs,
    net::{Ipv4Addr, SocketAddrV4},
    path::PathBuf,
    process::Command,
};

/// A user that the registry knows, the password, and the password as bcrypt makes it.
const USER: &str = "postern";
const PASSWORD: &str = "not-a-secret-of-anybody";
const HASHED: &str = "$2b$05$abcdefghijklmnopqrstuugZ0hzQApDAn3utx8QGdcqiXacJaKRrq";

/// Of the private keys that are made here.
const KEY_PASSWORD: &str = "not-a-secret-of-anybody";

/// How a registry lets in.
#[derive(Clone)]
pub enum Entry {
    /// Anybody.
    Open,
    /// Who knows user and password; over TLS.
    Password,
    /// Who shows a certificate that one of these authorities, in PEM, has signed; over TLS.
    Certificate {
        /// The authorities.
        authorities: String,
    },
    /// Who has a token, which is asked for at `realm` and signed by a key of `keys`, a JSON Web Key Set.
    Token {
        /// The address where tokens are asked for.
        realm: String,
        /// The keys, as JSON.
        keys: String,
    },
}

/// One registry.
#[derive(Clone)]
pub struct OciRegistry {
    directory: Directory,
    name: String,
    address: SocketAddrV4,
    entry: Entry,
}

impl OciRegistry {
    /// What tokens for it name as their issuer and as their audience.
    pub const SERVICE: &str = "registry.postern.test";

    pub(crate) fn new(directory: &Directory, name: &str, entry: Entry) -> Result<Self> {
        let address = free_port(Ipv4Addr::LOCALHOST, 19_500)?;
        Ok(Self { directory: directory.clone(), name: name.to_owned(), address, entry })
    }

    /// Starts it; returns once it accepts connections.
    ///
    /// # Errors
    /// The program cannot be provided, or ends.
    pub async fn start(&self) -> Result<()> {
        let program = tokio::task::spawn_blocking(tools::registry).await??;
        let root = self.root();
        fs::create_dir_all(&root).with_context(|| format!("failed to create {}", root.display()))?;
        let config = root.join("config.json");
        self.directory.write(&config, self.config()?.to_string())?;
        self.process().start(Command::new(program).arg("serve").arg(config))?;
        self.process().until_accepting(self.address.into()).await
    }

    /// Ends it as a crash would; what it holds stays.
    ///
    /// # Errors
    /// The process does not end.
    pub async fn kill(&self) -> Result<()> {
        self.process().kill().await
    }

    /// Host and port, as addresses of artifacts begin after `oci://`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Where it is reached, without the path.
    pub fn endpoint(&self) -> String {
        format!("{}://{}", if self.is_secure() { "https" } else { "http" }, self.address)
    }

    /// User and password that let in.
    pub fn credentials(&self) -> [&'static str; 2] {
        [USER, PASSWORD]
    }

    /// The certificate, in PEM, of the authority that signed its own; there if it speaks TLS.
    pub fn authority(&self) -> PathBuf {
        self.directory.pki(&format!("{}-ca.crt", self.name))
    }

    /// The file that holds the bytes of that digest, 64 hexadecimal digits.
    pub fn blob(&self, hex: &str) -> PathBuf {
        self.root().join(format!("docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]))
    }

    /// Makes a pair of keys with cosign; the public one, in PEM.
    ///
    /// # Errors
    /// cosign cannot be provided, or fails.
    pub async fn key(&self, name: &str) -> Result<String> {
        let prefix = self.root().join(name);
        self.cosign([OsStr::new("generate-key-pair"), OsStr::new("--output-key-prefix"), prefix.as_os_str()])
            .await?;
        Ok(fs::read_to_string(prefix.with_extension("pub"))?)
    }

    /// Signs `repository@digest` with a key that was made here. A bundle refers to the artifact; else the signature lies under a
    /// tag that its digest makes.
    ///
    /// # Errors
    /// As for [`Self::key`].
    pub async fn sign(&self, key: &str, artifact: &str, as_bundle: bool) -> Result<()> {
        let key = self.root().join(key).with_extension("key");
        let artifact = format!("{}/{artifact}", self.host());
        let format = format!("--new-bundle-format={as_bundle}");
        // Nothing is told to the logs of the world.
        let quiet =
            ["--yes", "--tlog-upload=false", "--use-signing-config=false", "--allow-http-registry", &format];
        let arguments = [OsStr::new("sign"), OsStr::new("--key"), key.as_os_str()];
        let rest = quiet.into_iter().chain([artifact.as_str()]).map(OsStr::new);
        self.cosign(arguments.into_iter().chain(rest)).await
    }

    async fn cosign(&self, arguments: impl IntoIterator<Item = &OsStr>) -> Result<()> {
        let program = tokio::task::spawn_blocking(tools::cosign).await??;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.root())
            .env("COSIGN_PASSWORD", KEY_PASSWORD)
            .current_dir(self.root());
        let output =
            tokio::task::spawn_blocking(move || command.output()).await?.context("failed to start cosign")?;
        ensure!(output.status.success(), "cosign failed: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    fn config(&self) -> Result<serde_json::Value> {
        let root = self.root();
        let mut config = serde_json::json!({
            "version": "0.1",
            "storage": { "filesystem": { "rootdirectory": root } },
            "http": { "addr": self.address.to_string() },
        });
        match &self.entry {
            Entry::Open => {}
            Entry::Password => {
                let users = root.join("users");
                self.directory.write(&users, format!("{USER}:{HASHED}\n"))?;
                config["auth"] = serde_json::json!({ "htpasswd": { "realm": "registry", "path": users } });
                config["http"]["tls"] = self.tls()?;
            }
            Entry::Certificate { authorities } => {
                let path = root.join("client-authorities.pem");
                self.directory.write(&path, authorities.clone())?;
                config["http"]["tls"] = self.tls()?;
                config["http"]["tls"]["clientcas"] = serde_json::json!([path]);
            }
            Entry::Token { realm, keys } => {
                let path = root.join("keys.json");
                self.directory.write(&path, keys.clone())?;
                config["auth"] = serde_json::json!({ "token": {
                    "realm": realm, "service": Self::SERVICE, "issuer": Self::SERVICE, "jwks": path,
                    "signingalgorithms": ["ES256"],
                } });
            }
        }
        Ok(config)
    }

    /// A certificate of an authority of its own.
    fn tls(&self) -> Result<serde_json::Value> {
        pki::generate_for(&self.directory, &self.name, &[self.address.ip().to_string()])?;
        let file = |ending: &str| self.directory.pki(&format!("{}.{ending}", self.name));
        Ok(serde_json::json!({ "certificate": file("crt"), "key": file("key") }))
    }

    fn is_secure(&self) -> bool {
        matches!(self.entry, Entry::Password | Entry::Certificate { .. })
    }

    fn root(&self) -> PathBuf {
        self.directory.file(&self.name)
    }

    fn process(&self) -> Process<'_> {
        Process::new(&self.directory, &self.name)
    }
}
