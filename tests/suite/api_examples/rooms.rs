//! `examples/rooms.rs`: an API that is written to, and a subresource that takes over connections.
use super::guest::Guest;
use crate::sources::PATIENCE;
use anyhow::{Context, Result};
use cluster::{
    Example, Namespace,
    suite::{Suite, skip},
    usage,
};
use std::time::Duration;
use tokio::time::{Instant, timeout};

const MANIFESTS: &str = include_str!("../../../libs/extension-apiserver/examples/rooms.yaml");

/// kube-apiserver cuts what is neither upgraded nor has one of its names after this.
const MINUTE: Duration = Duration::from_secs(60);

/// A room called `tea`, in which jane may talk, and tom may only look.
struct Teahouse {
    server: Example,
    namespace: Namespace,
    suite: Suite,
}

impl Teahouse {
    /// One test at a time: the registration is the cluster's.
    async fn open() -> Result<Option<Self>> {
        let suite = Suite::attach().await?;
        let Some(cluster) = suite.own() else { return Ok(None) };
        let server = cluster.example("rooms", 8543, MANIFESTS).await?;
        let namespace = suite.namespace("api-rooms").await?;
        Ok(Some(Self { server, namespace, suite }))
    }

    async fn write(&self, topic: &str) -> Result<String> {
        let room = format!(
            "{{apiVersion: rooms.example.com/v1, kind: Room, metadata: {{name: tea}}, topic: {topic:?}}}"
        );
        self.namespace.apply(&room).await
    }

    async fn let_in(&self) -> Result<()> {
        let jane = ["create", "rolebinding", "jane", "--clusterrole=rooms-edit", "--user=jane"];
        self.namespace.kubectl(&jane).await?;
        let look = ["create", "role", "look", "--verb=get", "--resource=rooms.rooms.example.com/talk"];
        self.namespace.kubectl(&look).await?;
        self.namespace.kubectl(&["create", "rolebinding", "tom", "--role=look", "--user=tom"]).await.map(drop)
    }

    /// Enters as soon as the rights have reached the authorizers.
    async fn guest(&self, user: &str) -> Result<Guest> {
        let enter = async {
            loop {
                if let Ok(guest) = self.enter(user).await? {
                    return anyhow::Ok(guest);
                }
            }
        };
        timeout(PATIENCE, enter).await.context("kept out")?
    }

    async fn enter(&self, user: &str) -> Result<Result<Guest, u16>> {
        let cluster = self.suite.own().context("it was checked")?;
        let namespace = self.namespace.name();
        let path = format!("/apis/rooms.example.com/v1/namespaces/{namespace}/rooms/tea/talk");
        Guest::enter(cluster, &path, user).await
    }
}

#[tokio::test]
async fn rooms_are_furnished_and_talked_in_for_longer_than_a_minute() -> Result<()> {
    let Some(house) = Teahouse::open().await? else {
        return skip("it starts a server beside a cluster of our own");
    };
    written(&house).await?;
    house.let_in().await?;
    let began = Instant::now();
    let mut jane = house.guest("jane").await?;
    assert_eq!(jane.hear().await?, "* jane enters: Scones or crumpets?");
    assert_eq!(house.enter("tom").await?.err(), Some(403), "whoever may only get takes over nothing");
    let mut deaf = house.guest("jane").await?;
    assert_eq!(jane.hear().await?, deaf.hear().await?);
    deaf_guests_cost_nothing(&house, &mut jane).await?;
    drop(deaf);
    assert_eq!(jane.hear().await?, "* jane leaves");

    while began.elapsed() < MINUTE + Duration::from_secs(5) {
        jane.say("tick").await?;
        assert_eq!(jane.hear().await?, "jane: tick");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    house.server.stop().await
}

/// kubectl creates, is refused with the rule, and changes.
async fn written(house: &Teahouse) -> Result<()> {
    let refused = house.write("").await.expect_err("there is a rule").to_string();
    assert!(refused.contains("topic: Invalid value: \"\": must have 1 to 80 letters"), "{refused}");
    house.write("Scones").await?;
    let topic = r#"{"topic":"Scones or crumpets?"}"#;
    house.namespace.kubectl(&["patch", "room", "tea", "--type=merge", "--patch", topic]).await?;
    let shown = house.namespace.kubectl(&["get", "rooms"]).await?;
    assert!(shown.contains("TOPIC") && shown.contains("Scones or crumpets?"), "{shown}");
    Ok(())
}

/// While one guest listens to nothing, another says far more than the room remembers.
async fn deaf_guests_cost_nothing(house: &Teahouse, jane: &mut Guest) -> Result<()> {
    let pid = house.server.pid().context("it runs")?;
    let words = "x".repeat(64 << 10);
    let before = usage::memory(pid)?;
    for _ in 0..1_000 {
        jane.say(&words).await?;
        assert_eq!(jane.hear().await?.len(), "jane: ".len() + words.len());
    }
    let grown = usage::memory(pid)?.saturating_sub(before) >> 20;
    assert!(grown < 32, "the server grew by {grown} MiB for 62 MiB that somebody did not read");
    Ok(())
}
