//! What passes tell of themselves, and to whom.
use super::access::with_role;
use crate::{
    aggregated::{GROUP, get, post},
    scene::Scene,
    sources::{PATIENCE, manifest, sources, until_ready},
    upstream::{Answer, Upstream},
};
use anyhow::{Context, Result, ensure};
use cluster::{
    Cluster, Options,
    suite::{Suite, another_cluster, skip},
};
use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use jiff::Timestamp;
use kube::{Client, client::Body};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// More than kube-apiserver gives to a request that is neither a watch nor called `log` (`--request-timeout`).
const MORE_THAN_A_MINUTE: Duration = Duration::from_secs(66);

/// Somebody who follows a log.
pub(crate) struct Follower {
    body: Body,
    told: String,
}

impl Follower {
    pub(crate) async fn new(client: &Client, path: &str) -> Result<Self> {
        let response = client.send(Request::get(path).body(Vec::new().into())?).await?;
        ensure!(response.status().is_success(), "{}", response.status());
        Ok(Self { body: response.into_body(), told: String::new() })
    }

    /// Reads on until that was told, and returns all that was.
    pub(crate) async fn until(&mut self, wanted: &str) -> Result<&str> {
        let reading = async {
            while !self.told.contains(wanted) {
                let frame = self.body.frame().await.context("the log has ended")??;
                self.told += std::str::from_utf8(frame.data_ref().context("no trailers")?)?;
            }
            anyhow::Ok(())
        };
        let read = timeout(PATIENCE, reading).await;
        read.map_err(anyhow::Error::from)
            .flatten()
            .with_context(|| format!("{wanted:?} in {}", self.told))?;
        Ok(&self.told)
    }

    /// Reads on until nothing more comes.
    async fn end(&mut self) -> Result<()> {
        let reading = async {
            while let Some(frame) = self.body.frame().await {
                frame.context("it is broken off")?;
            }
            anyhow::Ok(())
        };
        timeout(PATIENCE, reading).await.context("it never ends")?
    }
}

impl Scene {
    /// The log as `kubectl get --raw` shows it.
    async fn raw_log(&self, query: &str) -> Result<String> {
        let path = self.path(&format!("externalsources/one/log{query}"));
        self.suite.kubectl().run(&["get", "--raw", &path]).await
    }

    /// The texts of lines, once one of them is that.
    pub(crate) async fn logged(&self, last: &str) -> Result<Vec<String>> {
        let path = self.path("externalsources/one/log?follow=true&timestamps=false");
        let mut follower = Follower::new(self.suite.client(), &path).await?;
        Ok(follower.until(last).await?.lines().map(str::to_owned).collect())
    }
}

/// That each of these is the beginning of a line, one after the other.
pub(crate) fn assert_in_order(lines: &[String], expected: &[&str]) {
    let mut rest = lines.iter();
    for begin in expected {
        assert!(rest.any(|line| line.starts_with(begin)), "{begin:?} is missing or too early in {lines:#?}");
    }
}

#[tokio::test]
async fn a_pass_tells_what_it_did_line_by_line() -> Result<()> {
    let scene = Scene::with_files().await?;
    let asked = format!("GET {}", scene.upstream.url());
    let first = [
        "a pass begins, for generation 1",
        &asked,
        "answered 200 OK after ",
        "received ",
        "packed ",
        "stored sha256:",
        "the pass went well: stored revision ",
    ];
    assert_in_order(&scene.logged("the pass went well").await?, &first);

    // In a pass that follows, where Flux was not seen yet when that one ended.
    scene.logged("published revision latest@sha256:").await?;

    let (code, _) = scene.refresh("").await?;
    assert_eq!(code, StatusCode::CREATED);
    let conditional = format!("{asked}, unless it is what is stored");
    let second =
        ["a pass begins", &conditional, "answered 304 Not Modified", "unchanged", "the pass went well"];
    assert_in_order(&scene.logged("unchanged").await?, &[&first[..], &second[..]].concat());

    for line in scene.raw_log("").await?.lines() {
        let (time, text) = line.split_once(' ').context("a time and a text")?;
        time.parse::<Timestamp>().with_context(|| line.to_owned())?;
        assert!(!text.is_empty(), "{line}");
    }
    let last = scene.raw_log("?tailLines=1&timestamps=false").await?;
    assert!(last.starts_with("the pass went well: ") && last.lines().count() == 1, "{last}");
    assert_eq!(scene.raw_log("?tailLines=0").await?, "");
    Ok(())
}

#[tokio::test]
async fn redirects_expressions_and_failures_are_told_and_no_query() -> Result<()> {
    let scene = Scene::empty(Suite::attach().await?, "api", Answer::data(r#"{"a":1}"#)).await?;
    let elsewhere = Upstream::start(Answer::data(r#"{"a":2}"#)).await;
    let location = format!("{}?signature=canary", elsewhere.url());
    scene.upstream.answer(Answer::status(StatusCode::FOUND).with(header::LOCATION, &location));
    scene
        .apply_changed(|spec| {
            spec["generator"]["http"]["url"] = format!("{}?key=canary", scene.upstream.url()).into();
            spec["transform"] = serde_json::json!({ "cel": "string(body.a)" });
        })
        .await?;
    scene.ready().await?;
    let told = scene.logged("the pass went well").await?;
    let [from, to] = [scene.upstream.url(), elsewhere.url()].map(|url| format!("GET {url}"));
    let expected = [&from, "answered 302 Found after ", &to, "answered 200 OK", "1 expression made "];
    assert_in_order(&told, &expected);

    scene.upstream.answer(Answer::status(StatusCode::NOT_FOUND));
    scene.request("again").await?;
    let told = scene.logged("the pass failed").await?;
    assert_in_order(&told, &["answered 404 Not Found", "the pass failed: NotFound: "]);
    let failed = told.last().context("a line")?;
    assert!(failed.contains("; it is tried again at 20"), "{failed}");
    assert!(!told.concat().contains("canary"), "{told:#?}");
    Ok(())
}

#[tokio::test]
async fn a_log_goes_with_its_source_and_whoever_follows_is_told() -> Result<()> {
    let scene = Scene::with_files().await?;
    let path = scene.path("externalsources/one/log?follow=true&tailLines=0");
    let mut follower = Follower::new(scene.suite.client(), &path).await?;
    scene.namespace.kubectl(&["delete", "externalsource", "one"]).await?;
    follower.until("-- the log ends here: the source is gone").await?;
    follower.end().await?;
    let gone = async {
        while scene.get("externalsources/one/log").await?.status() != StatusCode::NOT_FOUND {
            sleep(Duration::from_millis(100)).await;
        }
        anyhow::Ok(())
    };
    timeout(PATIENCE, gone).await.context("there is no such source any more")??;

    scene.apply("      unpack: Always\n").await?;
    scene.ready().await?;
    let told = scene.logged("the pass went well").await?;
    let begun = told.iter().filter(|line| line.starts_with("a pass begins")).count();
    assert_eq!(begun, 1, "another source of that name has a log of its own: {told:#?}");
    Ok(())
}

#[tokio::test]
async fn a_parameter_that_makes_no_sense_is_refused_by_its_name() -> Result<()> {
    let scene = Scene::with_files().await?;
    for (query, named) in
        [("tailLines=-1", "tailLines: "), ("sinceSeconds=0", "sinceSeconds: "), ("follow=2", "follow: ")]
    {
        let refused = scene.get(&format!("externalsources/one/log?{query}")).await?;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{query}");
        let said = String::from_utf8_lossy(refused.body());
        assert!(said.contains(&format!("\"message\":\"{named}")), "{said}");
    }
    Ok(())
}

#[tokio::test]
async fn a_log_has_a_right_of_its_own() -> Result<()> {
    let scene = Scene::with_files().await?;
    let path = scene.path("externalsources/one/log");
    for (user, role, code) in [
        ("viewer", "postern-view", StatusCode::FORBIDDEN),
        ("guest", "view", StatusCode::FORBIDDEN),
        ("reader", "postern-content-reader", StatusCode::FORBIDDEN),
        ("log-reader", "postern-log-reader", StatusCode::OK),
        ("keeper", "postern-admin", StatusCode::OK),
    ] {
        with_role(&scene, user, role).await?;
        let answer = get(scene.suite.client(), &path, &[("Impersonate-User", user)]).await?;
        assert_eq!(answer.status(), code, "{role}");
    }
    let content = scene.path("externalsources/one/content");
    let refused = get(scene.suite.client(), &content, &[("Impersonate-User", "log-reader")]).await?;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN, "who reads logs reads no content");
    Ok(())
}

/// As long a test has a cluster of its own, as that of downloads has.
#[tokio::test]
async fn a_log_is_followed_for_longer_than_kube_apiserver_lets_requests_take() -> Result<()> {
    let Some(cluster) = another_cluster("log", &Options::default()).await? else {
        return skip("needs a cluster of its own");
    };
    let outcome = follow_for_long(&cluster).await;
    cluster.stop().await?;
    outcome
}

async fn follow_for_long(cluster: &Cluster) -> Result<()> {
    let upstream = Upstream::start(Answer::data("1")).await;
    let apply = ["apply", "--filename", "-"];
    cluster.kubectl().run_with_input(&apply, &manifest("one", &upstream.url(), "")).await?;
    until_ready(&sources(cluster.client(), "default"), "one").await?;
    let source = format!("{GROUP}/namespaces/default/externalsources/one");
    let reachable = async {
        while !get(cluster.client(), &format!("{source}/log"), &[]).await?.status().is_success() {
            sleep(Duration::from_millis(100)).await;
        }
        anyhow::Ok(())
    };
    timeout(PATIENCE, reachable).await.context("the log is never there")??;
    let mut follower =
        Follower::new(cluster.client(), &format!("{source}/log?follow=true&tailLines=1")).await?;
    let before = follower.until("the pass went well").await?.lines().count();
    assert_eq!(before, 1);

    // Not for luck: what would cut the answer is the time that passes.
    sleep(MORE_THAN_A_MINUTE).await;
    let refreshed = post(cluster.client(), &format!("{source}/refresh"), &[]).await?;
    assert_eq!(refreshed.status(), StatusCode::CREATED);
    let told = follower.until("unchanged").await?;
    assert!(told.contains("answered 304 Not Modified"), "{told}");
    cluster.postern().stop().await?;
    follower.end().await.context("a server that stops ends what it sends")?;
    cluster.postern().start().await
}
