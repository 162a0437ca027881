//! Writes to a subresource: `lamps/NAME/status`, by which the status of a lamp is changed, and nothing else.
use super::*;
use crate::{
    api::{Call, Get, Patch, Resource, Subresource, Update, WriteOptions},
    collection::Strategy,
    object::{Item, Key},
};

const DESK: &str = "/apis/lights.example.com/v1/namespaces/team-a/lamps/desk";

/// Shares its content with the collection of lamps, and has a strategy of its own.
struct LampState(Collection<Lamp>);

impl Resource for LampState {
    type Object = Lamp;
}

impl Subresource for LampState {
    type Parent = Lamp;
    const NAME: &'static str = "status";
}

impl Get for LampState {
    async fn get(&self, call: &Call, key: &Key) -> Result<Item<Lamp>, Status> {
        self.0.get(call, key).await
    }
}

impl Update for LampState {
    async fn update(
        &self,
        call: &Call,
        before: &Item<Lamp>,
        after: Lamp,
        options: &WriteOptions,
    ) -> Result<Item<Lamp>, Status> {
        self.0.update(call, before, after, options).await
    }
}

impl Patch for LampState {}

/// Of what is written to a lamp, everything but its status counts.
struct Wanted;

impl Strategy<Lamp> for Wanted {
    fn prepare(&self, lamp: &mut Lamp, before: Option<&Lamp>) {
        lamp.status = before.and_then(|before| before.status.clone());
    }
}

/// Of what is written to its status, nothing else does.
struct Seen;

impl Strategy<Lamp> for Seen {
    fn prepare(&self, lamp: &mut Lamp, before: Option<&Lamp>) {
        let Some(before) = before else { return };
        *lamp = Lamp { status: lamp.status.take(), ..before.clone() };
    }
}

/// A server with the lamp `desk`: 400 lumens, and no status.
async fn stateful() -> Server {
    let lamps = Collection::new().checked(Wanted);
    let state = LampState(lamps.clone().checked(Seen));
    let server = builder()
        .resource(lamps, |lamp| {
            lamp.get().create().update().subresource(state, |state| state.get().update().patch())
        })
        .build()
        .expect("a server");
    let mut desk = lamp("desk", 400);
    desk["status"] = json!({"lit": true});
    let created = put_json(&server, "POST", LAMPS, &desk).await;
    assert_eq!((created.status, &created.json()["status"]), (201, &Value::Null));
    server
}

/// Lumens, status, generation.
fn shown(object: &Value) -> (&Value, &Value, &Value) {
    (&object["spec"]["lumens"], &object["status"]["lit"], &object["metadata"]["generation"])
}

async fn desk(server: &Server) -> Value {
    send(server, "GET", DESK, "", "").await.json()
}

#[tokio::test]
async fn an_update_of_the_status_changes_nothing_else() {
    let server = stateful().await;
    let mut next = desk(&server).await;
    (next["spec"]["lumens"], next["status"]) = (json!(7), json!({"lit": true}));
    let updated = put_json(&server, "PUT", &format!("{DESK}/status"), &next).await;
    assert_eq!((updated.status, shown(&updated.json())), (200, (&json!(400), &json!(true), &json!(1))));
    assert_eq!(desk(&server).await, updated.json());
    let stale = put_json(&server, "PUT", &format!("{DESK}/status"), &next).await;
    assert_eq!(stale.status, 409, "{}", stale.text());
    let mut next = desk(&server).await;
    (next["spec"]["lumens"], next["status"]) = (json!(7), json!({"lit": false}));
    let updated = put_json(&server, "PUT", DESK, &next).await;
    assert_eq!(shown(&updated.json()), (&json!(7), &json!(true), &json!(2)));
}

#[tokio::test]
async fn the_status_takes_patches() {
    let server = stateful().await;
    let status = format!("{DESK}/status");
    let merge = "application/merge-patch+json";
    let lit = r#"{"spec":{"lumens":7},"status":{"lit":true}}"#;
    let dry = send(&server, "PATCH", &format!("{status}?dryRun=All"), merge, lit).await;
    assert_eq!((dry.status, shown(&dry.json())), (200, (&json!(400), &json!(true), &json!(1))));
    assert_eq!(shown(&desk(&server).await), (&json!(400), &Value::Null, &json!(1)));
    let merged = send(&server, "PATCH", &status, merge, lit).await;
    assert_eq!((merged.status, shown(&merged.json())), (200, (&json!(400), &json!(true), &json!(1))));
    let patch = r#"[{"op":"replace","path":"/status/lit","value":false}]"#;
    let patched = send(&server, "PATCH", &status, "application/json-patch+json", patch).await;
    assert_eq!((patched.status, shown(&patched.json())), (200, (&json!(400), &json!(false), &json!(1))));
    let strict = r#"{"status":{"colour":1}}"#;
    let refused = send(&server, "PATCH", &format!("{status}?fieldValidation=Strict"), merge, strict).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
}

#[tokio::test]
async fn what_cannot_be_written_to_a_status_is_refused() {
    let server = stateful().await;
    let missing = put_json(&server, "PUT", &format!("{LAMPS}/wall/status"), &lamp("wall", 1)).await;
    assert_eq!(said(&missing), (404, r#"lamps.lights.example.com "wall" not found"#.to_owned()));
    let other = put_json(&server, "PUT", &format!("{DESK}/status"), &lamp("wall", 1)).await;
    assert_eq!(other.status, 400, "{}", other.text());
    for method in ["POST", "DELETE"] {
        let refused = send(&server, method, &format!("{DESK}/status"), "application/json", "{}").await;
        assert_eq!(refused.status, 405, "{method}");
    }
}

#[tokio::test]
async fn the_verbs_of_a_status_are_advertised() {
    let server = stateful().await;
    let resources = send(&server, "GET", "/apis/lights.example.com/v1", "", "").await.json();
    let status = resources["resources"].as_array().and_then(|all| {
        all.iter().find(|resource| resource["name"] == "lamps/status").map(|status| status["verbs"].clone())
    });
    assert_eq!(status, Some(json!(["get", "patch", "update"])));
}
