//! The Postern process: started as its ServiceAccount with exactly the shipped roles, awaited, restarted, ended.
use crate::{
    directory::Directory,
    endpoints::PosternEndpoints,
    hook_executor::HookExecutor,
    kubeconfig::{self, Credential},
    network::Network,
    process::Process,
    replica,
};
use anyhow::{Context, Result, ensure};
use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::ServiceAccount,
};
use kube::{Api, Client, api::PostParams};
use std::{
    io::{Read, Write},
    net::{SocketAddrV4, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

const ALLOWED_HOSTS: &str = include_str!("../manifests/allowed-hosts.yaml");

/// One Postern of a cluster.
#[derive(Clone)]
pub struct Postern {
    pub(crate) directory: Directory,
    pub(crate) network: Network,
    pub(crate) client: Client,
    /// The name of its log and record.
    pub(crate) name: String,
    /// What it does: `all`, or a part of it.
    pub role: &'static str,
    /// Where it listens.
    pub endpoints: PosternEndpoints,
    /// More flags, behind those that it always gets; the last one of a flag counts.
    pub flags: Vec<String>,
    /// What it finds in its environment; of the harness's own it gets next to nothing.
    pub environment: Vec<(&'static str, String)>,
    /// Names that are addresses of this machine to it, and to nobody else.
    pub names: Vec<&'static str>,
}

impl Postern {
    /// Starts it, and returns once its `/readyz` says yes.
    ///
    /// # Errors
    /// The program is not built, or does not become ready.
    pub async fn start(&self) -> Result<()> {
        if !self.allowed_hosts().exists() {
            self.directory.write(&self.allowed_hosts(), ALLOWED_HOSTS)?;
        }
        let process = Process::new(&self.directory, &self.name);
        process.start(&mut self.command()?)?;
        let admin = self.endpoints.admin;
        let ready =
            async || tokio::task::spawn_blocking(move || is_ready(admin)).await.is_ok_and(|ready| ready);
        process.until_ready(Duration::from_secs(30), ready).await
    }

    /// Ends it as an operator would.
    ///
    /// # Errors
    /// The process does not end.
    pub async fn stop(&self) -> Result<()> {
        Process::new(&self.directory, &self.name).stop(Duration::from_secs(30)).await
    }

    /// Ends it as a crash would.
    ///
    /// # Errors
    /// The process does not end.
    pub async fn kill(&self) -> Result<()> {
        Process::new(&self.directory, &self.name).kill().await
    }

    /// Stops, starts, and makes kube-apiserver look again.
    ///
    /// # Errors
    /// As for [`Self::start`] and [`Self::stop`].
    pub async fn restart(&self) -> Result<()> {
        self.stop().await?;
        self.start().await?;
        self.touch_slice().await
    }

    /// Makes kube-apiserver look again at once: a restarted process changes nothing that it watches.
    ///
    /// # Errors
    /// The API refuses the patch.
    pub async fn touch_slice(&self) -> Result<()> {
        replica::touch(&self.client, "postern-system", "postern").await
    }

    /// Code and outputs of `postern doctor`, run by the administrator.
    ///
    /// # Errors
    /// The program is not built.
    pub async fn doctor(&self) -> Result<Output> {
        let mut command = Command::new(program("POSTERN_BIN", "postern")?);
        command.arg("doctor").arg("--kubeconfig").arg(self.directory.kubeconfig());
        tokio::task::spawn_blocking(move || command.output().context("failed to run postern doctor")).await?
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<i32> {
        Process::new(&self.directory, &self.name).pid().map(nix::unistd::Pid::as_raw)
    }

    /// Everything it has logged.
    pub fn log(&self) -> PathBuf {
        self.directory.log(&self.name)
    }

    /// Writes the kubeconfigs that roles run with: a token of the ServiceAccount of each, never the administrator.
    pub(crate) async fn write_kubeconfigs(&self, server: SocketAddrV4) -> Result<()> {
        for role in ["all", "apiserver", "webhook", "controller"] {
            let account = account(role);
            let token = token(&self.client, "postern-system", &account).await?;
            let path = self.directory.kubeconfig_of(&account);
            kubeconfig::write(&self.directory, &path, server, &Credential::Token(&token))?;
        }
        Ok(())
    }

    /// The file of hosts that sources may lead to: all of them, but in namespaces whose names begin with `walled`.
    pub fn allowed_hosts(&self) -> PathBuf {
        self.directory.file("allowed-hosts.yaml")
    }

    fn command(&self) -> Result<Command> {
        let PosternEndpoints { apiserver, webhook, artifacts, controller, admin } = &self.endpoints;
        let store = if self.name == "postern" { "store".to_owned() } else { format!("store-{}", self.name) };
        let mut command = self.where_names_resolve()?;
        command
            .arg("env")
            .args(self.environment.iter().map(|(name, value)| format!("{name}={value}")))
            .arg(program("POSTERN_BIN", "postern")?)
            .arg(self.role)
            .arg("--kubeconfig")
            .arg(self.directory.kubeconfig_of(&account(self.role)))
            .args(["--namespace", "postern-system"])
            .arg(format!("--apiserver-listen={apiserver}"))
            .arg(format!("--webhook-listen={webhook}"))
            .arg(format!("--artifacts-listen={artifacts}"))
            .arg(format!("--artifacts-url=http://{artifacts}"))
            .arg(format!("--controller-listen={controller}"))
            .arg(format!("--controller-url=https://{controller}"))
            .arg(format!("--admin-listen={admin}"))
            .arg(format!("--store=file://{}", self.directory.file(&store).display()))
            .args([
                "--allow-egress=127.0.0.0/8".to_owned(),
                format!("--allow-egress={}", self.network.hosts()),
            ])
            .arg(format!("--deny-egress={}", self.network.services()))
            .arg(format!("--deny-egress={}", self.network.pods()))
            // Who stops it here has no other replica to turn to.
            .arg("--shutdown-delay=0s")
            .args(HookExecutor::of(&self.directory).known_by())
            .arg(format!("--allowed-hosts-file={}", self.allowed_hosts().display()))
            .args(&self.flags);
        Ok(command)
    }

    /// Runs what is appended with a hosts file of its own, where it needs one: a mount that no other process sees.
    fn where_names_resolve(&self) -> Result<Command> {
        if self.names.is_empty() {
            return Ok(Command::new("env"));
        }
        let hosts = self.directory.file(&format!("hosts-{}", self.name));
        self.directory.write(&hosts, format!("127.0.0.1 localhost {}\n", self.names.join(" ")))?;
        let mut command = Command::new("unshare");
        command.args(["--mount", "--", "sh", "-c", r#"mount --bind "$0" /etc/hosts && exec "$@""#]);
        command.arg(hosts).arg("env");
        Ok(command)
    }
}

/// The ServiceAccount that `deploy/` has for this role.
fn account(role: &str) -> String {
    if role == "all" { "postern".to_owned() } else { format!("postern-{role}") }
}

/// A token of a ServiceAccount that outlives the cluster.
pub(crate) async fn token(client: &Client, namespace: &str, account: &str) -> Result<String> {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
    let year = 365 * 24 * 3600;
    let spec = TokenRequestSpec { expiration_seconds: Some(year), ..TokenRequestSpec::default() };
    let request = TokenRequest { spec: Some(spec), ..TokenRequest::default() };
    let answer = accounts.create_token_request(account, &PostParams::default(), &request).await?;
    answer.status.and_then(|status| status.token).context("kube-apiserver gave no token")
}

/// What the variable names, or what cargo built beside the running program.
///
/// # Errors
/// There is none.
pub fn program(variable: &str, name: &str) -> Result<PathBuf> {
    let program = match std::env::var_os(variable) {
        Some(given) => PathBuf::from(given),
        None => beside(&std::env::current_exe()?).join(name),
    };
    ensure!(program.is_file(), "{} is not there: run `cargo build` first", program.display());
    Ok(program)
}

/// Test programs lie one folder deeper than the others.
fn beside(program: &Path) -> &Path {
    let folder = program.parent().unwrap_or(program);
    if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder }
}

/// What its `/readyz` says; never from a runtime's thread, which it would block.
pub(crate) fn is_ready(admin: SocketAddrV4) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&admin.into(), Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        write!(stream, "GET /readyz HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}
