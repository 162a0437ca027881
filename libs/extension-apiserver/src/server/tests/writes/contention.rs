//! Many writers of one object at once.
use super::*;
use futures::future::join_all;
use std::{collections::BTreeSet, sync::Arc};

const WRITERS: usize = 64;

/// Patches until it lands; as Go's, the server gives up after a few conflicts and says so.
async fn patched(server: Arc<Server>, writer: usize) -> Value {
    let patch = json!({"metadata": {"labels": {format!("writer-{writer}"): "was-here"}}}).to_string();
    loop {
        let path = format!("{LAMPS}/desk");
        let answer = send(&server, "PATCH", &path, "application/merge-patch+json", patch.clone()).await;
        if answer.status != 409 {
            assert_eq!(answer.status, 200, "{}", answer.text());
            return answer.json();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_patches_of_one_object_each_lands_once() {
    let server = Arc::new(lit().await);
    let writers = (0..WRITERS).map(|writer| tokio::spawn(patched(server.clone(), writer)));
    let answers = join_all(writers).await.into_iter().map(|answer| answer.expect("no panic"));
    let version = |object: &Value| object["metadata"]["resourceVersion"].to_string();
    let versions: BTreeSet<String> = answers.map(|object| version(&object)).collect();
    assert_eq!(versions.len(), WRITERS, "each is a write of its own");
    let desk = send(&server, "GET", &format!("{LAMPS}/desk"), "", "").await.json();
    assert_eq!(desk["metadata"]["labels"].as_object().map(serde_json::Map::len), Some(WRITERS));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_updates_of_one_version_one_lands() {
    let server = Arc::new(lit().await);
    let seen = send(&server, "GET", &format!("{LAMPS}/desk"), "", "").await.json();
    let updates = (0..WRITERS).map(|writer| {
        let (server, mut next) = (server.clone(), seen.clone());
        next["spec"]["lumens"] = json!(1000 + writer);
        tokio::spawn(async move { put_json(&server, "PUT", &format!("{LAMPS}/desk"), &next).await.status })
    });
    let codes: Vec<u16> = join_all(updates).await.into_iter().map(|code| code.expect("no panic")).collect();
    assert_eq!(codes.iter().filter(|code| **code == 200).count(), 1, "{codes:?}");
    assert_eq!(codes.iter().filter(|code| **code == 409).count(), WRITERS - 1, "{codes:?}");
}
