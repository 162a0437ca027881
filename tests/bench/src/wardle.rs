//! `tests/wardle`, written with `libs/extension-apiserver`, beside k8s.io/sample-apiserver, written with k8s.io/apiserver:
//! the same objects, the same requests, one kube-apiserver behind both.
mod loader;
mod reads;
mod reviews;
mod start;
mod watches;

use crate::{
    report::{self, Row, Section},
    samples::{Samples, Unit},
    setting::Setting,
};
use anyhow::{Context, Result};
use cluster::{
    Cluster, Wardle,
    cores::{self, Cores},
    wardle::Maker::{Kubernetes, Postern},
};
use http::Method;
use loader::{Connection, Way, Who};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const FLUNDERS: &str = "/apis/wardle.example.com/v1beta1/namespaces/default/flunders";
const JSON: &str = "application/json";
/// Whom kube-apiserver speaks for.
const USER: &str = "bench-reader";
/// How many objects there are.
const OBJECTS: usize = 500;
const PATIENCE: Duration = Duration::from_secs(60);

const RIGHTS: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: bench-reader
rules:
  - apiGroups: [wardle.example.com]
    resources: ['*']
    verbs: [get, list, watch]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: bench-reader
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: bench-reader
subjects:
  - apiGroup: rbac.authorization.k8s.io
    kind: User
    name: bench-reader
  - apiGroup: rbac.authorization.k8s.io
    kind: Group
    name: system:serviceaccounts:default
";

/// The two servers, and the processors that they and their clients have.
struct Pair<'a> {
    cluster: &'a Cluster,
    cores: Cores,
    ours: Wardle,
    theirs: Wardle,
}

/// Something that was measured of both.
struct Both<T> {
    ours: T,
    theirs: T,
}

impl<T> Both<T> {
    /// What all rounds measured.
    fn row(rounds: &[Self], what: impl Into<String>, unit: Unit, of: impl Fn(&T) -> f64) -> Row {
        let samples =
            |side: fn(&Self) -> &T| Samples::new(rounds.iter().map(|both| of(side(both))).collect());
        Row::new(what, unit, samples(|both| &both.ours)).beside(samples(|both| &both.theirs))
    }
}

fn section(about: &str, method: String, rows: Vec<Row>) -> Section {
    let title = format!("`libs/extension-apiserver` beside k8s.io/apiserver: {about}");
    Section { title, method, rows, commands: vec![report::alone("wardle")] }
}

/// Measures everything.
pub(crate) async fn measure(setting: &Setting, cluster: &Cluster) -> Result<Vec<Section>> {
    cluster.kubectl().apply(RIGHTS).await?;
    let pair = Pair {
        cluster,
        cores: Cores::two()?,
        ours: cluster.wardle(Postern, "bench-wardle").await?,
        theirs: cluster.wardle(Kubernetes, "bench-sample-apiserver").await?,
    };
    let start = start::measure(setting, &pair).await?;
    pair.fill().await?;
    let reads = reads::measure(setting, &pair)?;
    let reviews = reviews::measure(setting, &pair).await?;
    let watches = watches::measure(setting, &pair).await?;
    pair.ours.stop().await?;
    pair.theirs.stop().await?;
    Ok(vec![start, reads, reviews, watches])
}

impl Pair<'_> {
    /// The same of both, one after the other.
    async fn each<T>(&self, of: impl AsyncFn(&Wardle) -> Result<T>) -> Result<Both<T>> {
        let ours = of(&self.ours).await.context("our server")?;
        Ok(Both { ours, theirs: of(&self.theirs).await.context("sample-apiserver")? })
    }

    async fn connect(&self, server: &Wardle, who: Who) -> Result<Connection> {
        Way::to(server, self.cluster, who)?.connect().await
    }

    /// Starts both anew, each on the processor for servers, and waits until they believe everybody who will come.
    async fn restart(&self) -> Result<()> {
        self.each(async |server| {
            server.stop().await?;
            cores::on(self.cores.server, || server.launch())?;
            self.believes(server).await
        })
        .await?;
        Ok(())
    }

    /// Go's reads whom to believe a moment after it says that it is ready.
    async fn believes(&self, server: &Wardle) -> Result<()> {
        let began = Instant::now();
        loop {
            let seen = async {
                for who in [Who::Administrator, Who::FrontProxy(USER)] {
                    let mut connection = self.connect(server, who).await?;
                    connection.fetch(connection.request(Method::GET, FLUNDERS, JSON, "")?).await?;
                }
                anyhow::Ok(())
            };
            match seen.await {
                Err(error) if began.elapsed() > PATIENCE => return Err(error),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                Ok(()) => return Ok(()),
            }
        }
    }

    /// Gives both objects of one size: what Go adds to its own, `managedFields`, ours say in an annotation.
    async fn fill(&self) -> Result<()> {
        let mut ours = self.connect(&self.ours, Who::Administrator).await?;
        let mut theirs = self.connect(&self.theirs, Who::Administrator).await?;
        let probe = format!("{FLUNDERS}/probe");
        for connection in [&mut ours, &mut theirs] {
            create(connection, flunder("probe")).await?;
        }
        let size = async |connection: &mut Connection| {
            connection.fetch(connection.request(Method::GET, &probe, JSON, "")?).await
        };
        let added = size(&mut theirs).await?.saturating_sub(size(&mut ours).await?);
        for number in 0..OBJECTS {
            let mut object = flunder(&format!("flunder-{number:03}"));
            create(&mut theirs, object.clone()).await?;
            let text = &mut object["metadata"]["annotations"]["example.com/description"];
            *text = format!("{}{}", text.as_str().unwrap_or_default(), "x".repeat(added)).into();
            create(&mut ours, object).await?;
        }
        Ok(())
    }
}

async fn create(connection: &mut Connection, object: Value) -> Result<()> {
    connection.fetch(connection.request(Method::POST, FLUNDERS, JSON, object.to_string())?).await?;
    Ok(())
}

/// An object of the size that objects have.
fn flunder(name: &str) -> Value {
    json!({
        "apiVersion": "wardle.example.com/v1beta1",
        "kind": "Flunder",
        "metadata": {
            "name": name,
            "labels": { "app.kubernetes.io/name": "flunder", "app.kubernetes.io/part-of": "bench", "tier": "web" },
            "annotations": { "example.com/description": "A flunder that says as much of itself as others do. ".repeat(6) },
        },
        "spec": { "referenceType": "Flunder", "flunderReference": "another-flunder" },
    })
}
