//! Many writers of one object at once.
use super::*;
use crate::collection::Strategy;
use futures::future::join_all;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

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

/// Says whether updates may leave the version open, and brightens the object right before a write of it lands, once.
struct Meddler {
    lamps: Arc<Mutex<Option<Collection<Lamp>>>>,
    unconditional: bool,
}

impl Strategy<Lamp> for Meddler {
    fn prepare(&self, _lamp: &mut Lamp, before: Option<&Lamp>) {
        let Some(before) = before else { return };
        if let Some(lamps) = self.lamps.lock().expect("no panic").take() {
            let spec = LampSpec { lumens: before.spec.lumens + 1 };
            lamps.upsert(Lamp { spec, ..before.clone() });
        }
    }

    fn allow_unconditional_update(&self) -> bool {
        self.unconditional
    }
}

/// A server with a lamp at 400 lumens that somebody else brightens to 401 while the next write is on its way.
async fn meddled(unconditional: bool) -> Server {
    let meddling = Arc::default();
    let lamps = Collection::new().checked(Meddler { lamps: Arc::clone(&meddling), unconditional });
    let server = serving(lamps.clone());
    assert_eq!(put_json(&server, "POST", LAMPS, &lamp("desk", 400)).await.status, 201);
    *meddling.lock().expect("no panic") = Some(lamps);
    server
}

#[tokio::test]
async fn a_patch_is_made_again_when_somebody_else_was_faster() {
    let server = meddled(false).await;
    let patch = r#"{"metadata":{"labels":{"room":"study"}}}"#;
    let patched =
        send(&server, "PATCH", &format!("{LAMPS}/desk"), "application/merge-patch+json", patch).await;
    assert_eq!(patched.status, 200, "{}", patched.text());
    let patched = patched.json();
    assert_eq!(
        (&patched["spec"]["lumens"], &patched["metadata"]["labels"]["room"]),
        (&json!(401), &json!("study"))
    );
}

#[tokio::test]
async fn an_update_is_made_again_unless_it_says_what_it_replaces() {
    let server = meddled(true).await;
    assert_eq!(put_json(&server, "PUT", &format!("{LAMPS}/desk"), &lamp("desk", 7)).await.status, 200);

    let server = meddled(true).await;
    let mut next = send(&server, "GET", &format!("{LAMPS}/desk"), "", "").await.json();
    next["spec"]["lumens"] = json!(7);
    let refused = put_json(&server, "PUT", &format!("{LAMPS}/desk"), &next).await;
    assert_eq!(refused.status, 409, "{}", refused.text());
}

#[tokio::test]
async fn a_strategy_may_want_to_know_what_an_update_replaces() {
    let server = meddled(false).await;
    let refused = put_json(&server, "PUT", &format!("{LAMPS}/desk"), &lamp("desk", 7)).await;
    assert_eq!(
        said(&refused),
        (
            422,
            "lamps.lights.example.com \"desk\" is invalid: metadata.resourceVersion: Invalid value: 0: \
             must be specified for an update"
                .to_owned()
        )
    );
}
