//! An S3 of this machine: versitygw over a folder, which enforces signatures, checksums and conditional writes.
use crate::{directory::Directory, network::free_port, process::Process};
use anyhow::{Context, Result};
use std::{
    fs,
    net::{Ipv4Addr, SocketAddrV4, TcpStream},
    path::PathBuf,
    process::Command,
    time::Duration,
};

const ACCESS_KEY: &str = "postern";
const SECRET_KEY: &str = "not-a-secret-of-anybody";

/// One gateway, with a bucket and a folder of its own.
#[derive(Clone)]
pub struct S3Gateway {
    directory: Directory,
    name: String,
    address: SocketAddrV4,
}

impl S3Gateway {
    /// Its only bucket.
    pub const BUCKET: &str = "artifacts";

    pub(crate) fn new(directory: &Directory, name: &str) -> Result<Self> {
        let address = free_port(Ipv4Addr::LOCALHOST, 19_400)?;
        Ok(Self { directory: directory.clone(), name: name.to_owned(), address })
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
            .arg("--port")
            .arg(self.address.to_string())
            .arg("posix")
            .arg(self.root());
        self.process().start(&mut command)?;
        let address = self.address.into();
        let accepts = async || {
            let connecting = move || TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok();
            tokio::task::spawn_blocking(connecting).await.unwrap_or(false)
        };
        self.process().until_ready(Duration::from_secs(30), accepts).await
    }

    /// Ends it as a crash would; what it holds stays.
    ///
    /// # Errors
    /// The process does not end.
    pub async fn kill(&self) -> Result<()> {
        self.process().kill().await
    }

    /// The address of a store in it, whose objects all lie below `prefix`.
    pub fn store(&self, prefix: &str) -> String {
        format!("s3://{}/{prefix}", Self::BUCKET)
    }

    /// Where it is reached, without the bucket.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
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

    fn root(&self) -> PathBuf {
        self.directory.file(&self.name)
    }

    fn process(&self) -> Process<'_> {
        Process::new(&self.directory, &self.name)
    }
}
