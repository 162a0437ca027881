//! Requests as fast as sixteen callers get answers.
use super::{
    Both, FLUNDERS, JSON, OBJECTS, Pair, USER,
    loader::{Connection, Who},
    section,
};
use crate::{
    outcome::float,
    report::{Goal, Row, Section},
    samples::{Samples, Unit},
    setting::Setting,
};
use anyhow::{Context, Result};
use cluster::{Wardle, cores, usage};
use futures::future::try_join_all;
use http::Method;
use std::time::{Duration, Instant};

const CALLERS: usize = 16;
const WARM_UP: Duration = Duration::from_secs(1);
const MEASURED: Duration = Duration::from_secs(4);
/// From this share of its processor on it is the server that sets the rate, not who asks.
const BUSY: f64 = 0.9;

/// One request that is sent again and again.
struct Read {
    what: &'static str,
    path: String,
    accept: &'static str,
    who: Who,
    /// How many times the peer's rate is the goal.
    faster: f64,
}

/// What one server did for one kind of request.
struct Served {
    /// Answers a second.
    rate: f64,
    /// Seconds of processor time for each answer.
    cost: f64,
    /// The share of its processor that the server used.
    busy: f64,
    seconds: Samples,
    /// Bytes of one answer.
    size: usize,
}

fn reads() -> Vec<Read> {
    let one = format!("{FLUNDERS}/flunder-250");
    let read =
        |what, path: &str, accept, who, faster| Read { what, path: path.to_owned(), accept, who, faster };
    let (admin, user) = (Who::Administrator, Who::FrontProxy(USER));
    let discovery = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    vec![
        read("GET one object", &one, JSON, admin, 8.0),
        read("GET one object, any version", &format!("{one}?resourceVersion=0"), JSON, admin, 8.0),
        read("GET by a user whose right is cached", &one, JSON, user, 8.0),
        read("LIST", FLUNDERS, JSON, admin, 8.0),
        read("LIST, any version", &format!("{FLUNDERS}?resourceVersion=0"), JSON, admin, 8.0),
        read("discovery, aggregated", "/apis", discovery, admin, 6.0),
        read("discovery of the version", "/apis/wardle.example.com/v1beta1", JSON, admin, 6.0),
        read("OpenAPI v3", "/openapi/v3/apis/wardle.example.com/v1beta1", JSON, admin, 6.0),
        read("OpenAPI v2", "/openapi/v2", JSON, admin, 6.0),
    ]
}

pub(super) fn measure(setting: &Setting, pair: &Pair<'_>) -> Result<Section> {
    let mut rows = Vec::new();
    for read in reads() {
        eprintln!("measuring: wardle, {} …", read.what);
        let mut rounds = Vec::new();
        for _ in 0..setting.rounds {
            let of = |server| cores::on(pair.cores.loader, || serve(pair, server, &read));
            let ours = of(&pair.ours)?;
            rounds.push(Both { ours, theirs: of(&pair.theirs)? });
        }
        rows.extend(rows_of(&read, &rounds));
    }
    let peak = |server: &Wardle| {
        let pid = server.pid().context("the server has ended")?;
        Ok::<_, anyhow::Error>(Samples::new(vec![float(usage::memory_peak(pid)?)]))
    };
    let memory = Row::new("most memory under this load", Unit::Memory, peak(&pair.ours)?);
    rows.push(memory.beside(peak(&pair.theirs)?).goal(Goal::WithinPeer(0.2)));
    Ok(section("reads", method(), rows))
}

fn method() -> String {
    format!(
        "{CALLERS} callers share one HTTP/2 connection straight to the server and send the next request when they have \
         read the answer to the last, for {} s a round after {} s to warm up; the two servers take turns. A server has \
         one processor, all else the other. Both hold {OBJECTS} objects of the same \
         size; `Accept-Encoding: identity`. An answer \
         that is no success fails the bench. Where the server used less than {} % of its processor the callers were \
         the limit, and the goal is on its processor time for each request instead of the rate. sample-apiserver has no \
         subresource: a GET by a user whose right is cached goes the same way as one of a subresource. Items of our lists \
         say what they are, as objects of CRDs do; Go's OpenAPI documents describe all of meta/v1 besides.",
        MEASURED.as_secs(),
        WARM_UP.as_secs(),
        BUSY * 100.0,
    )
}

fn rows_of(read: &Read, rounds: &[Both<Served>]) -> Vec<Row> {
    let row = |what: &str, unit, of: fn(&Served) -> f64| Both::row(rounds, what, unit, of);
    let busy = Samples::new(rounds.iter().map(|both| both.ours.busy).collect()).median();
    let rate = row(&format!("{}: requests", read.what), Unit::PerSecond, |served| served.rate);
    let cost = row("… processor time each", Unit::Microseconds, |served| served.cost);
    let (rate, cost) = match busy >= BUSY {
        true => (rate.goal(Goal::TimesPeer(read.faster)), cost),
        false => (rate, cost.goal(Goal::WithinPeer(1.0 / read.faster))),
    };
    let p99 = row("… p99", Unit::Milliseconds, |served| served.seconds.quantile(0.99));
    vec![
        rate,
        cost,
        row("… p50", Unit::Milliseconds, |served| served.seconds.median()),
        p99.goal(Goal::WithinPeer(0.5)),
        row("… bytes", Unit::Count, |served| float(served.size as u64)),
    ]
}

async fn serve(pair: &Pair<'_>, server: &Wardle, read: &Read) -> Result<Served> {
    let connection = pair.connect(server, read.who).await?;
    load(&connection, read, WARM_UP).await?;
    let pid = server.pid().context("the server has ended")?;
    let (began, before) = (Instant::now(), usage::cpu_time(pid)?);
    let answers = load(&connection, read, MEASURED).await?;
    let took = began.elapsed().as_secs_f64();
    let used = (usage::cpu_time(pid)? - before).as_secs_f64();
    let count = float(answers.len() as u64);
    let size = answers.first().context("no answer in time")?.1;
    let seconds = Samples::new(answers.into_iter().map(|(seconds, _)| seconds).collect());
    Ok(Served { rate: count / took, cost: used / count, busy: used / took, seconds, size })
}

/// How long each answer took, and its size.
async fn load(connection: &Connection, read: &Read, during: Duration) -> Result<Vec<(f64, usize)>> {
    let end = Instant::now() + during;
    let request = connection.request(Method::GET, &read.path, read.accept, "")?;
    let callers = (0..CALLERS).map(|_| {
        let (mut connection, request) = (connection.clone(), request.clone());
        tokio::spawn(async move {
            let mut answers = Vec::new();
            while Instant::now() < end {
                let began = Instant::now();
                let size = connection.fetch(request.clone()).await?;
                answers.push((began.elapsed().as_secs_f64(), size));
            }
            anyhow::Ok(answers)
        })
    });
    let answers: Result<Vec<_>> = try_join_all(callers).await?.into_iter().collect();
    Ok(answers?.concat())
}
