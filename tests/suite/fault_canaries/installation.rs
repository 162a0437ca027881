//! A Postern that holds all secrets which an installation may be given, and logs as much as it can.
use super::{outlets::Outlet, text, world::lines_of};
use anyhow::{Context, Result};
use base64::{Engine, prelude::BASE64_STANDARD};
use cluster::{Cluster, HookExecutor, Postern, S3Gateway};
use serde_json::Value;
use std::{fs, path::PathBuf};

const TOKEN: &str = "canary4f7e1b-executor-token";

/// Everything, also what goes over the wire: for that a published program has no words at all.
const LEVEL: &str = "trace";

/// The suite's Postern and hook executor, run so until they are given back.
pub(super) struct Installation<'a> {
    cluster: &'a Cluster,
    gateway: S3Gateway,
    postern: Postern,
    executor: HookExecutor,
    /// Where their logs ended before.
    logged: [u64; 2],
}

impl<'a> Installation<'a> {
    pub(super) async fn begin(cluster: &'a Cluster) -> Result<Self> {
        let gateway = cluster.s3_gateway("canaries").await?;
        let (mut postern, mut executor) = (cluster.postern(), cluster.hook_executor());
        let file = |name: &str| cluster.directory().file(name).display().to_string();
        postern.environment = gateway.environment();
        postern.flags.extend([
            format!("--log-level={LEVEL}"),
            format!("--audit-log={}", file("canaries-audit.log")),
            format!("--hook-token-file={}", file("canaries-token")),
            format!("--store={}", gateway.store("canaries")),
        ]);
        executor.flags =
            vec![format!("--log-level={LEVEL}"), format!("--token-file={}", file("canaries-token"))];
        let length = |log: PathBuf| fs::metadata(log).map_or(0, |meta| meta.len());
        let logged = [length(postern.log()), length(executor.log())];
        let begun = Self { cluster, gateway, postern, executor, logged };
        begun.tell_token(TOKEN)?;
        begun.executor.stop().await?;
        begun.executor.start().await?;
        begun.postern.restart().await?;
        Ok(begun)
    }

    /// Everything is as it was.
    pub(super) async fn end(self) -> Result<()> {
        self.executor.stop().await?;
        self.cluster.hook_executor().start().await?;
        self.cluster.postern().restart().await?;
        self.gateway.kill().await
    }

    /// The secrets themselves, beside the token: canaries cannot be chosen for them.
    pub(super) async fn secrets(&self) -> Result<Vec<(String, String)>> {
        let mut secrets = self.keys().await?;
        for (name, value) in self.gateway.environment() {
            if name == "AWS_SECRET_ACCESS_KEY" {
                secrets.push((name.to_owned(), value));
            }
        }
        let kubeconfig = fs::read_to_string(self.cluster.directory().kubeconfig_of("postern"))?;
        let kubeconfig: Value = serde_saphyr::from_str(&kubeconfig)?;
        secrets.push(("Postern's own token".into(), text(&kubeconfig, "/users/0/user/token")?.to_owned()));
        Ok(secrets)
    }

    /// The keys of Postern's certificates.
    async fn keys(&self) -> Result<Vec<(String, String)>> {
        let mut keys = Vec::new();
        for name in ["postern-ca", "postern-serving"] {
            let secret = ["get", "secret", name, "--namespace=postern-system", "--output=json"];
            let secret: Value = serde_json::from_str(&self.cluster.kubectl().run(&secret).await?)?;
            let key = BASE64_STANDARD.decode(text(&secret, "/data/tls.key")?)?;
            keys.extend(lines_of(name, std::str::from_utf8(&key)?));
        }
        Ok(keys)
    }

    /// The store refuses its credentials, and the executor its token.
    pub(super) async fn misfortunes(&self, pass: impl AsyncFn() -> Result<String>) -> Result<()> {
        self.tell_token("canary4f7e1b-another-token")?;
        self.executor.stop().await?;
        self.executor.start().await?;
        self.tell_token(TOKEN)?;
        pass().await?;
        self.gateway.kill().await?;
        self.gateway.start_with_another_secret().await?;
        pass().await?;
        self.gateway.kill().await?;
        pass().await?;
        self.gateway.start().await
    }

    pub(super) async fn outlets(&self, namespace: &str) -> Result<Vec<Outlet>> {
        let admin = format!("http://{}", self.postern.endpoints.admin);
        let mut metrics = String::new();
        for path in ["metrics", "readyz?verbose", "livez", "readyz/store"] {
            metrics += &reqwest::get(format!("{admin}/{path}")).await?.text().await?;
        }
        let doctor = self.postern.doctor().await?;
        let doctor = [doctor.stdout, doctor.stderr].concat();
        let log = |log: PathBuf, from: u64| -> Result<String> {
            let bytes = fs::read(&log).with_context(|| log.display().to_string())?;
            Ok(String::from_utf8_lossy(&bytes[usize::try_from(from)?..]).into_owned())
        };
        let file = |name: &str| fs::read_to_string(self.cluster.directory().file(name));
        Ok(vec![
            Outlet::new("log", log(self.postern.log(), self.logged[0])?, namespace),
            Outlet::new("log of the executor", log(self.executor.log(), self.logged[1])?, "executing hooks"),
            Outlet::new("admin port", metrics, "postern_"),
            Outlet::new("audit log", file("canaries-audit.log")?, namespace),
            Outlet::new(
                "audit log of kube-apiserver",
                log(self.cluster.directory().log("audit"), 0)?,
                namespace,
            ),
            Outlet::new("doctor", String::from_utf8(doctor)?, "subresources.postern.dev"),
        ])
    }

    fn tell_token(&self, token: &str) -> Result<()> {
        Ok(fs::write(self.cluster.directory().file("canaries-token"), token)?)
    }
}
