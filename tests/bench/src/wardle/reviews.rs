//! How often each server asks kube-apiserver about tokens and rights, for the same requests.
use super::{Both, FLUNDERS, JSON, Pair, loader::Who, section};
use crate::{
    audit::Mark,
    outcome::float,
    report::{Goal, Section},
    samples::Unit,
    setting::Setting,
};
use anyhow::Result;
use cluster::Wardle;
use futures::future::try_join_all;
use http::Method;
use std::time::Duration;
use tokio::time::interval;

const ACCOUNT: &str = "system:serviceaccount:wardle:wardle";
const TOKENS: usize = 5;
/// How often every caller comes: for more than twice as long as answers are kept.
const TURNS: usize = 50;
const PACE: Duration = Duration::from_millis(500);

/// Reviews that were asked.
struct Asked {
    tokens: usize,
    rights: usize,
}

pub(super) async fn measure(setting: &Setting, pair: &Pair<'_>) -> Result<Section> {
    let mut rounds = Vec::new();
    for _ in 0..setting.rounds.min(2) {
        rounds.push(pair.each(async |server| asked(pair, server).await).await?);
    }
    let row = |what, of: fn(&Asked) -> usize| {
        let row = Both::row(&rounds, what, Unit::Count, |asked| float(of(asked) as u64));
        row.goal(Goal::WithinPeer(1.0))
    };
    let rows =
        vec![row("TokenReviews", |asked| asked.tokens), row("SubjectAccessReviews", |asked| asked.rights)];
    Ok(section("questions to kube-apiserver", method(), rows))
}

fn method() -> String {
    format!(
        "{TOKENS} callers with a token each send four requests at once (an object, two lists, discovery), every {} ms, \
         {TURNS} times: for longer than an answer is kept. Counted in kube-apiserver's audit log.",
        PACE.as_millis(),
    )
}

async fn asked(pair: &Pair<'_>, server: &Wardle) -> Result<Asked> {
    let paths =
        [&format!("{FLUNDERS}/flunder-250"), FLUNDERS, "/apis/wardle.example.com/v1beta1/flunders", "/apis"];
    let mut requests = Vec::new();
    for _ in 0..TOKENS {
        let token = pair.cluster.kubectl().run(&["create", "token", "default"]).await?;
        let connection = pair.connect(server, Who::Stranger).await?;
        for path in paths {
            let mut request = connection.request(Method::GET, path, JSON, "")?;
            request.headers_mut().insert("authorization", format!("Bearer {}", token.trim()).try_into()?);
            requests.push((connection.clone(), request));
        }
    }
    let mut mark = Mark::now(pair.cluster)?;
    let mut pace = interval(PACE);
    for _ in 0..TURNS {
        pace.tick().await;
        try_join_all(requests.iter().map(|(connection, request)| {
            let mut connection = connection.clone();
            async move { connection.fetch(request.clone()).await }
        }))
        .await?;
    }
    let writes = mark.writes_since(ACCOUNT, "")?;
    Ok(Asked {
        tokens: writes.count("create tokenreviews"),
        rights: writes.count("create subjectaccessreviews"),
    })
}
