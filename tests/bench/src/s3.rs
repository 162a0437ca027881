//! One large body into S3: beside the same pass into a folder, and beside a plain put of the same bytes.
use crate::{
    outcome::{Outcome, Outcomes},
    packing, process,
    report::{self, Goal, Row, Section},
    samples::{Samples, Unit},
    setting::Setting,
    source::{LARGE, Source},
};
use anyhow::{Context, Result, bail};
use cluster::{Cluster, S3Gateway, usage};
use object_store::{ObjectStoreExt, aws::AmazonS3Builder, path::Path};
use std::{fs, process::Command, time::Instant};
use url::Url;

/// What the growth of resident memory may be for 100 MiB.
const GROWTH: f64 = 32.0 * 1024.0 * 1024.0;

/// Measures in turn, each round in a process and a prefix of its own.
pub(crate) async fn measure(setting: &Setting, cluster: &Cluster, source: &Source) -> Result<Section> {
    let gateway = cluster.s3_gateway("s3-bench").await?;
    let bench = Bench { setting, gateway, source };
    let rows = tokio::task::block_in_place(|| bench.rows());
    bench.gateway.kill().await?;
    fs::remove_dir_all(bench.gateway.bucket()).context("failed to remove the bucket")?;
    let commands = vec![report::alone("s3")];
    Ok(Section { title: "Into S3".to_owned(), method: method(), rows: rows?, commands })
}

fn method() -> String {
    "The bodies of the first table, from the same server, packed and stored in S3: versitygw over a folder of the same disk, \
     which shares the two processors. Text is measured beside the same pass into a `file://` store. The plain put is one \
     PUT of the incompressible body by `object_store`, the library that Postern uses, from memory: nothing is hashed but what the \
     signature needs, nothing is packed, nothing is spooled. Postern writes what it packs to a temporary file, since it is named \
     by its digest, and then sends it in parts. Packing keeps both processors busy, so what versitygw needs for receiving comes on top. \
     Every archive is unpacked and compared with the body."
        .to_owned()
}

struct Bench<'a> {
    setting: &'a Setting,
    gateway: S3Gateway,
    source: &'a Source,
}

impl Bench<'_> {
    fn rows(&self) -> Result<Vec<Row>> {
        let [mut stored, mut local, mut noise, mut plain] = [const { Vec::new() }; 4];
        let (gateway, mut served) = (self.gateway.pid().context("versitygw has ended")?, Vec::new());
        for round in 0..self.setting.rounds {
            let before = usage::cpu_time(gateway)?;
            stored.push(self.pass("sources", round)?);
            served.push((usage::cpu_time(gateway)? - before).as_secs_f64());
            local.push(packing::postern(self.setting, self.source, "sources", &[])?);
            noise.push(self.pass("noise", round)?);
            plain.push(self.put("noise", round)?);
        }
        let [stored, local, noise, plain] = [stored, local, noise, plain].map(Outcomes);
        let growth = |outcomes: &Outcomes| {
            Row::new("… memory growth", Unit::Memory, outcomes.growths()).goal(Goal::AtMost(GROWTH))
        };
        Ok(vec![
            Row::new("100 MiB of source code, beside a folder: rate", Unit::Rate, stored.rates(LARGE))
                .beside(local.rates(LARGE))
                .goal(Goal::TimesPeer(0.9)),
            growth(&stored),
            Row::new("… processor time", Unit::Seconds, stored.cpu_seconds()).beside(local.cpu_seconds()),
            Row::new("… of versitygw meanwhile", Unit::Seconds, Samples::new(served)),
            Row::new("100 MiB, incompressible, beside a plain put: rate", Unit::Rate, noise.rates(LARGE))
                .beside(plain.rates(LARGE))
                .goal(Goal::TimesPeer(0.6)),
            growth(&noise),
        ])
    }

    fn pass(&self, body: &str, round: usize) -> Result<Outcome> {
        let prefix = format!("{body}-{round}");
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("pipeline").arg("--url").arg(self.source.url(body));
        command.arg("--store").arg(self.gateway.store(&prefix)).envs(self.gateway.environment());
        let outcome = Outcome::of(&mut command)?;
        let folder = self.gateway.bucket().join(prefix);
        packing::verify(self.source, &folder.join(packing::BLOBS), body, &outcome)?;
        // The disk holds one at a time.
        fs::remove_dir_all(folder)?;
        Ok(outcome)
    }

    fn put(&self, body: &str, round: usize) -> Result<Outcome> {
        let key = format!("plain-{round}");
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("put").arg("--url").arg(self.source.url(body));
        command.arg("--to").arg(self.gateway.store(&key)).envs(self.gateway.environment());
        let outcome = Outcome::of(&mut command)?;
        fs::remove_file(self.gateway.bucket().join(key))?;
        Ok(outcome)
    }
}

/// `bench put`: fetches a body into memory, then puts it.
pub(crate) async fn put(url: &str, to: &Url) -> Result<Outcome> {
    let body = reqwest::get(url).await?.error_for_status()?.bytes().await?;
    let Some(bucket) = to.host_str() else { bail!("{to} names no bucket") };
    let store = AmazonS3Builder::from_env().with_bucket_name(bucket).with_allow_http(true).build()?;
    let pid = std::process::id().cast_signed();
    let (rss_before, bytes) = (usage::memory(pid)?, u64::try_from(body.len())?);
    let start = Instant::now();
    store.put(&Path::from(to.path()), body.into()).await.context("the put failed")?;
    Ok(Outcome {
        seconds: start.elapsed().as_secs_f64(),
        bytes,
        digest: String::new(),
        cpu_seconds: process::own_cpu_time()?.as_secs_f64(),
        rss_before,
        rss_peak: usage::memory_peak(pid)?,
    })
}
