//! Our server behind kube-apiserver, for all tests that go through it: registered by the first of them, ended with the
//! cluster.
use anyhow::Result;
use cluster::{
    Kubectl, Namespace, Wardle,
    suite::{Suite, skip},
    wardle::Maker,
};
use std::net::SocketAddrV4;
use tokio::sync::OnceCell;

/// Where it listens. Not the server itself: its client ends with the test that made it.
static ADDRESS: OnceCell<SocketAddrV4> = OnceCell::const_new();
const NAME: &str = "wardle-registered";

/// A namespace in a cluster that serves `wardle.example.com`. Fields drop in this order.
pub(super) struct Registered {
    pub(super) namespace: Namespace,
    /// What people type commands with.
    pub(super) by: Kubectl,
    pub(super) suite: Suite,
    pub(super) server: Wardle,
}

impl Registered {
    /// Nothing where the suite runs against a cluster that is not ours.
    pub(super) async fn attach() -> Result<Option<Self>> {
        Self::with(Suite::attach().await?).await
    }

    /// While no other test runs.
    pub(super) async fn attach_alone() -> Result<Option<Self>> {
        Self::with(Suite::attach_alone().await?).await
    }

    async fn with(suite: Suite) -> Result<Option<Self>> {
        let Some(cluster) = suite.own() else {
            skip("there is no server of wardle.example.com here")?;
            return Ok(None);
        };
        let start = async || {
            let server = cluster.wardle(Maker::Postern, NAME).await?;
            server.start().await?;
            server.register().await?;
            anyhow::Ok(server.address())
        };
        let server = Wardle::at(cluster, Maker::Postern, NAME, *ADDRESS.get_or_try_init(start).await?);
        let namespace = suite.namespace("wardle").await?;
        Ok(Some(Self { namespace, by: suite.kubectl().clone(), suite, server }))
    }

    /// kubectl in the namespace: what it prints.
    pub(super) async fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        self.by.run(&[&["--namespace", self.namespace.name()], arguments].concat()).await
    }

    /// As [`Self::attach`], with three flunders.
    pub(super) async fn with_flunders() -> Result<Option<Self>> {
        let here = Self::attach().await?;
        if let Some(here) = &here {
            here.make_flunders().await?;
        }
        Ok(here)
    }

    /// Three flunders, made by `kubectl create`.
    pub(super) async fn make_flunders(&self) -> Result<()> {
        let manifests = [("a", "front", "x"), ("b", "back", "z"), ("c", "back", "y")]
            .map(|(name, tier, reference)| flunder(name, tier, reference));
        let arguments = ["--namespace", self.namespace.name(), "create", "--filename", "-"];
        self.by.run_with_input(&arguments, &manifests.join("---\n")).await.map(drop)
    }
}

/// A manifest in the older version.
pub(super) fn flunder(name: &str, tier: &str, reference: &str) -> String {
    format!(
        "apiVersion: wardle.example.com/v1alpha1\nkind: Flunder\n\
         metadata:\n  name: {name}\n  labels: {{tier: {tier}}}\nspec:\n  reference: {reference:?}\n"
    )
}
