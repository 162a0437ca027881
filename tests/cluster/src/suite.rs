//! What a test of the suite holds: the cluster that `make test` started, or one that `POSTERN_TEST_KUBECONFIG` names.
use crate::{
    cluster::{Cluster, Options},
    control_plane,
    directory::Directory,
    install,
    kubectl::Kubectl,
    namespace::Namespace,
};
use anyhow::{Context, Result, anyhow};
use futures::FutureExt;
use k8s_openapi::{
    api::core::v1::Namespace as NamespaceObject, apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{Api, Client, api::PostParams};
use std::{ffi::OsString, fs::OpenOptions, io::Write, panic::AssertUnwindSafe, path::PathBuf};
use tokio::sync::{Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Names the folder of the cluster that the supervisor started.
pub(crate) const CLUSTER_DIR: &str = "POSTERN_CLUSTER_DIR";
/// Names the folder of the whole run: clusters of single tests lie in it, and the list of skipped tests.
pub(crate) const RUN_DIR: &str = "POSTERN_TEST_RUN";
/// Names a kubeconfig of a cluster that is not ours, with Postern installed.
pub(crate) const KUBECONFIG: &str = "POSTERN_TEST_KUBECONFIG";

/// Tests share the cluster; one that disturbs it waits until it is alone.
static TURN: RwLock<()> = RwLock::const_new(());

static REVIVAL: Mutex<()> = Mutex::const_new(());

#[expect(dead_code, reason = "held, never read")]
enum Turn {
    Shared(RwLockReadGuard<'static, ()>),
    Alone(RwLockWriteGuard<'static, ()>),
}

/// The cluster as one test sees it, for as long as the test holds this.
pub struct Suite {
    client: Client,
    kubectl: Kubectl,
    own: Option<Cluster>,
    _turn: Turn,
}

/// Where Postern's listeners are, as a client outside the cluster reaches them.
#[derive(Debug, Clone)]
pub struct Urls {
    /// The aggregated API, https.
    pub apiserver: String,
    /// The admission webhook, https.
    pub webhook: String,
    /// Artifacts, http.
    pub artifacts: String,
    /// Health and metrics, http.
    pub admin: String,
}

impl Suite {
    /// For tests that leave Postern and the control plane alone; any number at once.
    ///
    /// # Errors
    /// The suite was not started by `make test`, or the cluster does not answer.
    pub async fn attach() -> Result<Self> {
        Self::with(Turn::Shared(TURN.read().await)).await
    }

    /// For tests that restart something: returns once no other test is running, and lets none start.
    ///
    /// # Errors
    /// As for [`Self::attach`].
    pub async fn attach_alone() -> Result<Self> {
        Self::with(Turn::Alone(TURN.write().await)).await
    }

    async fn with(turn: Turn) -> Result<Self> {
        if let Some(kubeconfig) = std::env::var_os(KUBECONFIG) {
            let kubeconfig = PathBuf::from(kubeconfig);
            let client = control_plane::client(&kubeconfig).await?;
            let cache = std::env::temp_dir().join("postern-test-kube-cache");
            let kubectl = Kubectl { program: "kubectl".into(), kubeconfig, cache };
            return Ok(Self { client, kubectl, own: None, _turn: turn });
        }
        let directory =
            std::env::var_os(CLUSTER_DIR).context("no cluster: run the suite with `make test`")?;
        let cluster = Cluster::open(Directory::at(directory)?).await?;
        revive(&cluster).await?;
        Ok(Self {
            client: cluster.client().clone(),
            kubectl: cluster.kubectl(),
            own: Some(cluster),
            _turn: turn,
        })
    }

    /// The administrator's client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The administrator's client for who wants to see an answer of 503 or 504, at which [`Self::client`] asks again.
    ///
    /// # Errors
    /// The kubeconfig cannot be read.
    pub async fn client_without_retries(&self) -> Result<Client> {
        control_plane::client_without_retries(&self.kubectl.kubeconfig).await
    }

    /// kubectl as administrator.
    pub fn kubectl(&self) -> &Kubectl {
        &self.kubectl
    }

    /// The cluster itself, to restart what is in it; nothing where it is not ours.
    pub fn own(&self) -> Option<&Cluster> {
        self.own.as_ref()
    }

    /// Where Postern listens; nothing for a cluster that is not ours, unless the environment says so.
    pub fn urls(&self) -> Option<Urls> {
        let url = |name: &str| std::env::var(name).ok();
        Some(Urls {
            apiserver: url("POSTERN_URL")?,
            webhook: url("POSTERN_WEBHOOK_URL")?,
            artifacts: url("POSTERN_ARTIFACTS_URL")?,
            admin: url("POSTERN_ADMIN_URL")?,
        })
    }

    /// A namespace of this test's own, in which Postern may read Secrets. It goes when dropped, and a test that failed
    /// then shows what happened in it. `KEEP=1` keeps it.
    ///
    /// # Errors
    /// kube-apiserver refuses it.
    pub async fn namespace(&self, test: &str) -> Result<Namespace> {
        let metadata = ObjectMeta { generate_name: Some(format!("{test}-")), ..ObjectMeta::default() };
        let namespace = NamespaceObject { metadata, ..NamespaceObject::default() };
        let namespaces: Api<NamespaceObject> = Api::all(self.client.clone());
        let created = namespaces.create(&PostParams::default(), &namespace).await?;
        let name = created.metadata.name.context("a namespace without a name")?;
        install::bind_secrets(&self.client, &name).await?;
        let log = self.own.as_ref().map(|cluster| cluster.postern().log());
        Ok(Namespace::new(name, self.kubectl.clone(), log))
    }
}

/// A test that fails while it has Postern stopped must not fail all others.
async fn revive(cluster: &Cluster) -> Result<()> {
    let _one_at_a_time = REVIVAL.lock().await;
    let (postern, executor) = (cluster.postern(), cluster.hook_executor());
    if executor.pid().is_none() {
        executor.start().await?;
    }
    if postern.pid().is_none() {
        postern.start().await?;
        postern.touch_slice().await?;
    }
    Ok(())
}

/// Starts a second cluster for one test, which ends it by [`Cluster::stop`]; what a failed test leaves, `make test` ends.
/// Nothing where the suite runs against a cluster that is not ours.
///
/// # Errors
/// As for [`Cluster::start`].
pub async fn another_cluster(name: &str, options: &Options) -> Result<Option<Cluster>> {
    let Some(directory) = another_directory(name)? else { return Ok(None) };
    Cluster::start(directory, options).await.map(Some)
}

/// The folder for a second cluster that a test starts by other means; as for [`another_cluster`].
///
/// # Errors
/// As for [`Directory::at`].
pub fn another_directory(name: &str) -> Result<Option<Directory>> {
    let run = std::env::var_os(RUN_DIR).map(PathBuf::from);
    run.map(|run| Directory::at(run.join(name))).transpose()
}
/// What came of a part of a test. A panic, of which people have read by then, is a failure like any other, so that what the
/// test has altered is put back after it.
///
/// # Errors
/// The part failed.
pub async fn to_its_end<T>(part: impl Future<Output = Result<T>>) -> Result<T> {
    let ended = AssertUnwindSafe(part).catch_unwind().await;
    ended.unwrap_or_else(|_| Err(anyhow!("the test panicked")))
}

/// Says that this test was not run, and why; `make test` counts and names them at its end.
///
/// # Errors
/// The list cannot be written.
pub fn skip(why: &str) -> Result<()> {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let Some(list) = std::env::var_os("POSTERN_TEST_SKIPPED") else { return Ok(()) };
    let mut list = OpenOptions::new().create(true).append(true).open::<OsString>(list)?;
    // One write, so that lines of tests that run at once do not mix.
    Ok(list.write_all(format!("{test}: {why}\n").as_bytes())?)
}
