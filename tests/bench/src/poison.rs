//! A thousand sources of which some are poisoned, beside a thousand of which none is: how long the others take.
use crate::{
    fleet::{self, CONNECTIONS},
    outcome::float,
    report::{self, Goal, Row, Section},
    samples::{Samples, Unit},
    setting::Setting,
    source::Source,
    watching::Watching,
};
use anyhow::{Context, Result, bail, ensure};
use cluster::{
    Cluster,
    poison::{self, Poison},
    usage,
};
use crds::ExternalArtifact;
use kube::{
    Api,
    api::{DeleteParams, DynamicObject, ListParams, PostParams},
    runtime::watcher::Config,
};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};
use tokio::time::sleep;

const SOURCES: usize = 1_000;
/// Those that are measured have it.
const LABEL: &str = "bench.test/measured";
/// The name of the one that is ready before.
const FIRST: &str = "first";
/// Longer than anything that a pass writes after Ready.
const SETTLE: Duration = Duration::from_secs(3);
/// After this time a bench has failed.
const PATIENCE: Duration = Duration::from_secs(120);

/// What one round of either kind took.
struct Round {
    /// From the request that created a source until a watch had shown it ready, of each that is measured.
    times: Samples,
    peak: f64,
}

/// Measures, in each round, all without poison and some with.
pub(crate) async fn measure(setting: &Setting, cluster: &Cluster, source: &Source) -> Result<Section> {
    let poisons = poison::every_kind(&source.url("documents/0"));
    let (mut without, mut with) = (Vec::new(), Vec::new());
    cluster
        .without_rules(async || {
            for round in 0..setting.rounds {
                // Each goes first as often as the other.
                for poisoned in [round % 2 == 1, round % 2 == 0] {
                    let namespace = format!("bench-{}-{round}", if poisoned { "poisoned" } else { "clean" });
                    let crowd = Crowd::new(cluster, source, (&poisons, poisoned), &namespace).await?;
                    if poisoned { &mut with } else { &mut without }.push(crowd.measured().await?);
                    crowd.clear().await?;
                }
            }
            Ok(())
        })
        .await?;
    cluster.postern().restart().await?;
    let row = |what: String, unit, of: fn(&Round) -> f64| {
        let samples = |rounds: &[Round]| Samples::new(rounds.iter().map(of).collect());
        Row::new(what, unit, samples(&with)).beside(samples(&without))
    };
    let (others, poisoned) = (SOURCES - poisons.len(), poisons.len());
    let rows = vec![
        row(format!("{others} sources beside {poisoned} poisoned: Ready, p99"), Unit::Seconds, |round| {
            round.times.quantile(0.99)
        })
        .goal(Goal::WithinPeer(1.2)),
        row("… median".to_owned(), Unit::Seconds, |round| round.times.median()),
        row("… memory of Postern".to_owned(), Unit::Memory, |round| round.peak),
    ];
    let method = method(poisoned);
    Ok(Section {
        title: "Poison among a thousand".to_owned(),
        method,
        rows,
        commands: vec![report::alone("poison")],
    })
}

fn method(poisoned: usize) -> String {
    format!(
        "A client with {CONNECTIONS} connections creates {SOURCES} sources, each with a body of 10 KiB of its own. {poisoned} of them are poisoned, \
         spread evenly among the others: specs that no rule lets in, with durations and numbers that cannot be, unknown kinds \
         and shapes, or nothing at all, a megabyte of what nobody knows, 10,000 finalizers, 10,000 labels \
         (`tests/cluster/src/poison.rs`). The peer is Postern itself, with plain sources in their place that are not measured \
         either. Time runs for each of the others from its own POST until a watch has shown it Ready. Afterwards every poisoned \
         one must say on itself what is wrong with it. So that they can be stored, the schema of the spec is loose and no \
         webhook is registered, in both cases; the rest is as in the table of many sources at once."
    )
}

/// All sources of one round.
struct Crowd<'a> {
    cluster: &'a Cluster,
    source: &'a Source,
    poisons: &'a [Poison],
    poisoned: bool,
    namespace: &'a str,
    all: Api<DynamicObject>,
}

impl<'a> Crowd<'a> {
    async fn new(
        cluster: &'a Cluster,
        source: &'a Source,
        (poisons, poisoned): (&'a [Poison], bool),
        namespace: &'a str,
    ) -> Result<Self> {
        fleet::namespace(cluster, namespace).await?;
        let all = poison::sources(cluster.client(), namespace);
        Ok(Self { cluster, source, poisons, poisoned, namespace, all })
    }

    async fn measured(&self) -> Result<Round> {
        self.cluster.postern().restart().await?;
        self.first().await?;
        let connections = fleet::clients(self.cluster).await?;
        let (mut watching, _) = self.watch().await?;
        let create = fleet::spread(connections, 0..SOURCES, async |client, number| {
            let object: DynamicObject = serde_json::from_value(self.object(number))?;
            let sent = Instant::now();
            poison::sources(client, self.namespace).create(&PostParams::default(), &object).await?;
            Ok((object.metadata.name, sent))
        });
        let others = SOURCES - self.poisons.len();
        let is_other =
            |object: &DynamicObject| is_ready(object) && object.metadata.name.as_deref() != Some(FIRST);
        let (sent, ready) = tokio::try_join!(create, watching.each(others, is_other))?;
        let sent: HashMap<_, _> = sent.into_iter().filter_map(|(name, sent)| Some((name?, sent))).collect();
        let times = ready.iter().map(|(name, ready)| {
            let sent = sent.get(name).with_context(|| format!("nobody created {name}"))?;
            Ok(ready.saturating_duration_since(*sent).as_secs_f64())
        });
        let times = Samples::new(times.collect::<Result<_>>()?);
        if self.poisoned {
            self.each_is_told().await?;
        }
        let pid = self.cluster.postern().pid().context("Postern has ended")?;
        Ok(Round { times, peak: float(usage::memory_peak(pid)?) })
    }

    /// One source that is ready before anything is measured: then the schema is loose and a controller leads.
    async fn first(&self) -> Result<()> {
        let (mut watching, _) = self.watch().await?;
        poison::force(&self.all, self.plain(FIRST, SOURCES, true)).await?;
        watching.last(1, is_ready).await?;
        sleep(SETTLE).await;
        Ok(())
    }

    /// What is created as that number: at every so many a poisoned one, or a plain one that takes its place.
    fn object(&self, number: usize) -> Value {
        let every = SOURCES / self.poisons.len();
        let name = format!("source-{number}");
        match self.poisons.get(number / every).filter(|_| number.is_multiple_of(every)) {
            None => self.plain(&name, number, true),
            Some(poison) if self.poisoned => poison.object.clone(),
            Some(_) => self.plain(&name, number, false),
        }
    }

    fn plain(&self, name: &str, number: usize, measured: bool) -> Value {
        let mut object =
            poison::object(name, &poison::spec(&self.source.url(&format!("documents/{number}"))));
        if measured {
            object["metadata"]["labels"] = json!({ LABEL: "yes" });
        }
        object
    }

    /// Sees only those that are measured, since the others would keep this client busy as well.
    async fn watch(&self) -> Result<(Watching<DynamicObject>, Vec<DynamicObject>)> {
        let measured = Config::default().labels(&format!("{LABEL}=yes"));
        Watching::begin(self.all.clone(), measured).await
    }

    /// Waits until each of the poisoned says what it must.
    async fn each_is_told(&self) -> Result<()> {
        let began = Instant::now();
        for poison in self.poisons {
            loop {
                let object = self.all.get(&poison.name).await?;
                match ready(&object) {
                    Some(ready) if ready["status"] != "Unknown" => break poison.judge(ready)?,
                    _ => ensure!(began.elapsed() < PATIENCE, "nothing is said of {}", poison.name),
                }
                sleep(Duration::from_millis(100)).await;
            }
        }
        Ok(())
    }

    /// Removes everything, and returns once nothing of it is left to be collected.
    async fn clear(&self) -> Result<()> {
        if self.poisoned {
            poison::release(&self.cluster.kubectl(), self.namespace).await?;
        }
        self.all.delete_collection(&DeleteParams::default(), &ListParams::default()).await?;
        let artifacts: Api<ExternalArtifact> = Api::namespaced(self.cluster.client().clone(), self.namespace);
        let began = Instant::now();
        while !(fleet::is_empty(&self.all).await? && fleet::is_empty(&artifacts).await?) {
            if began.elapsed() > PATIENCE {
                bail!("what was deleted is still there");
            }
            sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }
}

fn ready(object: &DynamicObject) -> Option<&Value> {
    let conditions = object.data["status"]["conditions"].as_array()?;
    conditions.iter().find(|condition| condition["type"] == "Ready")
}

fn is_ready(object: &DynamicObject) -> bool {
    ready(object).is_some_and(|ready| ready["status"] == "True")
}
