//! An S3 of this machine: versitygw over a folder, which enforces signatures, checksums and conditional writes.
use crate::{directory::Directory, network::free_port, pki, process::Process};
use anyhow::{Context, Result};
use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    path::PathBuf,
    process::Command,
};

const ACCESS_KEY: &str = "postern";
const SECRET_KEY: &str = "not-a-secret-of-anybody";

/// One gateway, with a bucket and a folder of its own.
#[derive(Clone)]
pub struct S3Gateway {
    directory: Directory,
    name: String,
    address: SocketAddrV4,
    is_secure: bool,
    domain: Option<&'static str>,
}

impl S3Gateway {
    /// Its only bucket.
    pub const BUCKET: &str = "artifacts";

    pub(crate) fn new(directory: &Directory, name: &str) -> Result<Self> {
        let address = free_port(Ipv4Addr::LOCALHOST, 19_400)?;
        let (directory, name) = (directory.clone(), name.to_owned());
        Ok(Self { directory, name, address, is_secure: false, domain: None })
    }

    /// The same, speaking TLS; its certificate is for its address, its domain and all names below that.
    ///
    /// # Errors
    /// The certificate cannot be written.
    pub fn secure(self) -> Result<Self> {
        let below = self.domain.iter().flat_map(|domain| [(*domain).to_owned(), format!("*.{domain}")]);
        let names: Vec<_> = below.chain([self.address.ip().to_string()]).collect();
        pki::generate_for(&self.directory, &self.name, &names)?;
        Ok(Self { is_secure: true, ..self })
    }

    /// The same, with a domain whose names below it are those of buckets.
    #[must_use]
    pub fn with_domain(self, domain: &'static str) -> Self {
        Self { domain: Some(domain), ..self }
    }

    /// Starts it where it was before, with what it held before; returns once it accepts connections.
    ///
    /// # Errors
    /// The program cannot be provided, or ends.
    pub async fn start(&self) -> Result<()> {
        self.start_with(SECRET_KEY).await
    }

    /// The same, but the secret key that lets clients in is another one than they know.
    ///
    /// # Errors
    /// As for [`Self::start`].
    pub async fn start_with_another_secret(&self) -> Result<()> {
        self.start_with("changed-meanwhile").await
    }

    async fn start_with(&self, secret: &str) -> Result<()> {
        let program = tokio::task::spawn_blocking(tools::versitygw).await??;
        let folder = self.bucket();
        fs::create_dir_all(&folder).with_context(|| format!("failed to create {}", folder.display()))?;
        // Processes of the harness get no environment, so that they behave alike everywhere.
        let mut command = Command::new("env");
        command
            .arg(format!("ROOT_ACCESS_KEY={ACCESS_KEY}"))
            .arg(format!("ROOT_SECRET_KEY={secret}"))
            .arg(program)
            // As S3 itself does; versitygw would end each connection after an answer.
            .arg("--keep-alive")
            .arg("--port")
            .arg(self.address.to_string())
            .args(self.domain.iter().map(|domain| format!("--virtual-domain={domain}")));
        if self.is_secure {
            let file = |ending: &str| self.directory.pki(&format!("{}.{ending}", self.name));
            command.arg("--cert").arg(file("crt")).arg("--key").arg(file("key"));
        }
        command.arg("posix").arg(self.root());
        self.process().start(&mut command)?;
        self.process().until_accepting(self.address()).await
    }

    /// Ends it as a crash would; what it holds stays.
    ///
    /// # Errors
    /// The process does not end.
    pub async fn kill(&self) -> Result<()> {
        self.process().kill().await
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<i32> {
        self.process().pid().map(nix::unistd::Pid::as_raw)
    }

    /// The address of a store in it, whose objects all lie below `prefix`.
    pub fn store(&self, prefix: &str) -> String {
        format!("s3://{}/{prefix}", Self::BUCKET)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address.into()
    }

    /// Where it is reached, without the bucket.
    pub fn endpoint(&self) -> String {
        format!("{}://{}", self.scheme(), self.address)
    }

    /// The same by the name of a host, which whoever asks must know.
    pub fn endpoint_by_name(&self, host: &str) -> String {
        format!("{}://{host}:{}", self.scheme(), self.address.port())
    }

    fn scheme(&self) -> &'static str {
        if self.is_secure { "https" } else { "http" }
    }

    /// The certificate, in PEM, of the authority that signed its own; there if it speaks TLS.
    pub fn authority(&self) -> PathBuf {
        self.directory.pki(&format!("{}-ca.crt", self.name))
    }

    /// The access key and the secret key that let clients in.
    pub fn credentials(&self) -> [&'static str; 2] {
        [ACCESS_KEY, SECRET_KEY]
    }

    /// What a client must find in its environment to be let in.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", self.endpoint()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
        ]
    }

    /// The folder of the bucket: each object is a file below it, by its name.
    pub fn bucket(&self) -> PathBuf {
        self.root().join(Self::BUCKET)
    }

    /// The folder of the parts of uploads that are neither complete nor aborted, each a file below it.
    pub fn parts(&self) -> PathBuf {
        self.bucket().join(".sgwtmp/multipart")
    }

    fn root(&self) -> PathBuf {
        self.directory.file(&self.name)
    }

    fn process(&self) -> Process<'_> {
        Process::new(&self.directory, &self.name)
    }
}
