//! Many prefixes of one bucket that all change at once: Postern's `s3` sources beside the Buckets of Flux's
//! source-controller.
use crate::{
    data,
    fleet::{self, CONNECTIONS},
    outcome::float,
    report::{self, Goal, Row, Section},
    samples::{Samples, Unit},
    setting::Setting,
    source::SMALL,
    watching::Watching,
};
use anyhow::{Context, Result, bail};
use cluster::{Cluster, S3Gateway, usage};
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Client, ResourceExt,
    api::{
        ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams,
        PostParams,
    },
    runtime::watcher::Config,
};
use object_store::{ObjectStore, ObjectStoreExt, aws::AmazonS3Builder, path::Path};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    fs,
    time::{Duration, Instant},
};

/// How many are worked on at once, by both.
const CONCURRENCY: u16 = 16;
/// Longer than anything that is written after an artifact.
const SETTLE: Duration = Duration::from_secs(3);
/// After this time a bench has failed.
const PATIENCE: Duration = Duration::from_secs(300);
/// Holds the credentials, under the names that either peer knows.
const SECRET: &str = "bucket";

#[derive(Clone, Copy)]
enum Peer {
    Postern,
    Flux,
}

/// What one change of all took.
struct Round {
    seconds: f64,
    cpu_seconds: f64,
    peak: f64,
}

/// Measures 100 and 1,000, the peers in turn.
pub(crate) async fn measure(setting: &Setting, cluster: &Cluster) -> Result<Section> {
    let gateway = cluster.s3_gateway("s3-buckets").await?;
    let mut rows = Vec::new();
    for count in [100, 1_000] {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for round in 0..setting.rounds {
            for (peer, rounds) in [(Peer::Postern, &mut ours), (Peer::Flux, &mut theirs)] {
                rounds.push(peer.measured(cluster, &gateway, (count, round)).await?);
            }
        }
        rows.extend(self::rows(count, &ours, &theirs));
    }
    gateway.kill().await?;
    fs::remove_dir_all(gateway.bucket()).context("failed to remove the bucket")?;
    Ok(Section {
        title: "Beside Flux's Bucket".to_owned(),
        method: method(),
        rows,
        commands: vec![report::alone("buckets")],
    })
}

fn rows(count: usize, ours: &[Round], theirs: &[Round]) -> Vec<Row> {
    let row = |what: &str, unit, of: fn(&Round) -> f64, goal| {
        let samples = |rounds: &[Round]| Samples::new(rounds.iter().map(of).collect());
        Row::new(what, unit, samples(ours)).beside(samples(theirs)).goal(goal)
    };
    vec![
        row(
            &format!("{count} change at once: all published"),
            Unit::Seconds,
            |round| round.seconds,
            Goal::WithinPeer(0.5),
        ),
        row("… processor time", Unit::Seconds, |round| round.cpu_seconds, Goal::WithinPeer(0.2)),
        row("… memory", Unit::Memory, |round| round.peak, Goal::WithinPeer(1.0)),
    ]
}

fn method() -> String {
    format!(
        "The peer is source-controller v1.9.1 with Buckets (provider `generic`), Postern has sources of `type: s3`: both \
         read the same versitygw, one prefix with one object of 10 KiB each, and run {CONCURRENCY} at once. \
         source-controller is started with `--kube-api-qps=2000 --kube-api-burst=4000`, since it would wait for its limits \
         otherwise. Everything is ready, then all objects are put anew, then a client with {CONNECTIONS} connections \
         annotates all sources (`reconcile.fluxcd.io/requestedAt`). Time runs from the first annotation until a watch has \
         shown another `status.artifact.revision` for the last; processor time is that of the peer's process meanwhile, \
         memory its peak since it was started for the round. Postern publishes an ExternalArtifact for each besides."
    )
}

impl Peer {
    async fn measured(
        self,
        cluster: &Cluster,
        gateway: &S3Gateway,
        (count, round): (usize, usize),
    ) -> Result<Round> {
        let namespace = format!("bench-{}-{count}-{round}", self.kind().to_lowercase());
        fleet::namespace(cluster, &namespace).await?;
        let pid = self.start(cluster).await?;
        let bucket = Bucket::new(gateway, &namespace)?;
        let all = All { peer: self, bucket: &bucket, cluster, api: self.api(cluster.client(), &namespace) };
        all.create(count).await?;
        tokio::time::sleep(SETTLE).await;
        bucket.fill(count, 1).await?;
        let before = usage::cpu_time(pid)?;
        let seconds = all.change(count).await?.as_secs_f64();
        let cpu_seconds = (usage::cpu_time(pid)? - before).as_secs_f64();
        let peak = float(usage::memory_peak(pid)?);
        all.clear().await?;
        if matches!(self, Self::Flux) {
            cluster.stop_source_controller().await?;
        }
        Ok(Round { seconds, cpu_seconds, peak })
    }

    /// Starts the peer anew, and returns its process id.
    async fn start(self, cluster: &Cluster) -> Result<i32> {
        match self {
            Self::Flux => Ok(cluster.start_source_controller(CONCURRENCY).await?.pid),
            Self::Postern => {
                let mut postern = cluster.postern();
                postern.flags.push(format!("--concurrency={CONCURRENCY}"));
                postern.restart().await?;
                postern.pid().context("Postern has ended")
            }
        }
    }

    fn kind(self) -> &'static str {
        match self {
            Self::Postern => "ExternalSource",
            Self::Flux => "Bucket",
        }
    }

    fn resource(self) -> ApiResource {
        ApiResource::from_gvk(&match self {
            Self::Postern => GroupVersionKind::gvk("source.flux.oddkin.co", "v1alpha1", self.kind()),
            Self::Flux => GroupVersionKind::gvk("source.toolkit.fluxcd.io", "v1", self.kind()),
        })
    }

    fn api(self, client: &Client, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(client.clone(), namespace, &self.resource())
    }

    fn spec(self, gateway: &S3Gateway, prefix: &str) -> Value {
        let endpoint = gateway.endpoint();
        match self {
            Self::Postern => json!({
                "interval": "1h",
                "generator": { "type": "s3", "s3": {
                    "bucket": S3Gateway::BUCKET,
                    "prefix": prefix,
                    "endpoint": endpoint,
                    "credentialsSecretRef": { "name": SECRET },
                }},
            }),
            Self::Flux => json!({
                "interval": "1h",
                "provider": "generic",
                "bucketName": S3Gateway::BUCKET,
                "prefix": format!("{prefix}/"),
                "endpoint": endpoint.trim_start_matches("http://"),
                "insecure": true,
                "secretRef": { "name": SECRET },
            }),
        }
    }
}

/// What the sources of one round read.
struct Bucket<'a> {
    gateway: &'a S3Gateway,
    folder: String,
    store: Box<dyn ObjectStore>,
}

impl<'a> Bucket<'a> {
    fn new(gateway: &'a S3Gateway, folder: &str) -> Result<Self> {
        let [key, secret] = gateway.credentials();
        let store = AmazonS3Builder::new()
            .with_endpoint(gateway.endpoint())
            .with_allow_http(true)
            .with_bucket_name(S3Gateway::BUCKET)
            .with_access_key_id(key)
            .with_secret_access_key(secret)
            .build()?;
        Ok(Self { gateway, folder: folder.to_owned(), store: Box::new(store) })
    }

    fn prefix(&self, number: usize) -> String {
        format!("{}/{number}", self.folder)
    }

    /// Puts an object of that version below every prefix.
    async fn fill(&self, count: usize, version: usize) -> Result<()> {
        let put = async |number: usize| {
            let key = Path::from(format!("{}/app.json", self.prefix(number)));
            let body = data::document(u64::try_from(version * 100_000 + number).expect("small"), SMALL);
            self.store.put(&key, body.into()).await.map(drop)
        };
        futures::stream::iter(0..count).map(put).buffer_unordered(CONNECTIONS).try_collect::<()>().await?;
        Ok(())
    }
}

/// All sources of one round.
struct All<'a> {
    peer: Peer,
    bucket: &'a Bucket<'a>,
    cluster: &'a Cluster,
    api: Api<DynamicObject>,
}

impl All<'_> {
    /// Creates them, and returns once each has an artifact.
    async fn create(&self, count: usize) -> Result<()> {
        self.bucket.fill(count, 0).await?;
        self.secret().await?;
        let (mut watching, _) = self.watch().await?;
        let create = self.each(count, async |api, number| {
            let mut object = DynamicObject::new(&format!("source-{number}"), &self.peer.resource());
            let prefix = self.bucket.prefix(number);
            object.data = json!({ "spec": self.peer.spec(self.bucket.gateway, &prefix) });
            api.create(&PostParams::default(), &object).await.map(drop)
        });
        let none = HashMap::new();
        tokio::try_join!(create, watching.last(count, |object| is_newer(object, &none)))?;
        Ok(())
    }

    /// Asks all of them to look again, and returns how long it took until the last had published what is new.
    async fn change(&self, count: usize) -> Result<Duration> {
        let (mut watching, list) = self.watch().await?;
        let revisions = list.iter().filter_map(|object| Some((object.name_any(), revision(object)?)));
        let before: HashMap<_, _> = revisions.collect();
        let began = Instant::now();
        let patch = json!({ "metadata": { "annotations": { "reconcile.fluxcd.io/requestedAt": "now" } } });
        let patch = Patch::Merge(patch);
        let ask = self.each(count, async |api, number| {
            let name = format!("source-{number}");
            api.patch_metadata(&name, &PatchParams::default(), &patch).await.map(drop)
        });
        let published = watching.last(count, |object| is_newer(object, &before));
        let (_, ended) = tokio::try_join!(ask, published)?;
        Ok(ended - began)
    }

    async fn clear(&self) -> Result<()> {
        self.api.delete_collection(&DeleteParams::default(), &ListParams::default()).await?;
        let began = Instant::now();
        while !fleet::is_empty(&self.api).await? {
            if began.elapsed() > PATIENCE {
                bail!("what was deleted is still there");
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }

    /// Does something once for every number, over all connections.
    async fn each(
        &self,
        count: usize,
        act: impl AsyncFn(&Api<DynamicObject>, usize) -> kube::Result<()>,
    ) -> Result<()> {
        let clients = fleet::clients(self.cluster).await?;
        let act = async |client: &Client, number| {
            Ok(act(&self.peer.api(client, &self.bucket.folder), number).await?)
        };
        fleet::spread(clients, 0..count, act).await.map(drop)
    }

    async fn watch(&self) -> Result<(Watching<DynamicObject>, Vec<DynamicObject>)> {
        Watching::begin(self.api.clone(), Config::default()).await
    }

    async fn secret(&self) -> Result<()> {
        let [key, secret] = self.bucket.gateway.credentials();
        let object: Secret = serde_json::from_value(json!({
            "metadata": { "name": SECRET },
            "stringData": {
                "accesskey": key, "secretkey": secret,
                "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret,
            },
        }))?;
        let secrets: Api<Secret> = Api::namespaced(self.cluster.client().clone(), &self.bucket.folder);
        secrets.create(&PostParams::default(), &object).await?;
        self.cluster.let_read_secrets(&self.bucket.folder).await
    }
}

/// Whether its artifact is of another revision than before.
fn is_newer(object: &DynamicObject, before: &HashMap<String, String>) -> bool {
    revision(object).is_some_and(|revision| before.get(&object.name_any()) != Some(&revision))
}

fn revision(object: &DynamicObject) -> Option<String> {
    Some(object.data["status"]["artifact"]["revision"].as_str()?.to_owned())
}
