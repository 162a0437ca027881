//! The log of a source is in the memory of one process, and its Lease says where that is reached: whoever is asked for the log asks there, and
//! believes the certificate of who answers, never the Lease.
mod liar;

pub(super) use liar::Liar;

use super::s3::Bucket;
use crate::{aggregated::get, api_external_source::log::Follower, scene::Scene};
use anyhow::{Context, Result};
use cluster::{Postern, suite::to_its_end};
use crds::annotations::ADDRESS;
use http::StatusCode;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, ResourceExt};
use serde_json::Value;

impl Scene {
    /// What a single request for the log of a source is answered with, by whichever Postern the Service leads to.
    pub(super) async fn log_of(&self, name: &str) -> Result<(StatusCode, String)> {
        let path = self.path(&format!("externalsources/{name}/log?timestamps=false"));
        let response = get(&self.suite.client_without_retries().await?, &path, &[]).await?;
        Ok((response.status(), String::from_utf8(response.into_body())?))
    }

    /// Those of the controllers.
    pub(super) fn leases(&self) -> Api<Lease> {
        Api::namespaced(self.suite.client().clone(), "postern-system")
    }
}

/// Its Lease says where it is reached.
pub(super) fn advertising(mut postern: Postern) -> Postern {
    postern.flags.push(format!("--advertise-address={}", postern.endpoints.controller.ip()));
    postern
}

#[tokio::test]
async fn a_replica_that_stands_by_tells_what_the_leader_does() -> Result<()> {
    let scene = Scene::alone().await?;
    Bucket::lend(&scene, "holder", async |bucket| {
        let own = bucket.cluster.postern();
        // kube-apiserver goes where it always does, and finds another one there than the one that leads.
        let mut leader = bucket.uses(own.clone());
        leader.endpoints = bucket.cluster.another_postern("elsewhere")?.endpoints;
        (leader.endpoints.artifacts, leader.endpoints.admin) = (own.endpoints.artifacts, own.endpoints.admin);
        let mut standby = advertising(bucket.uses(bucket.cluster.another_postern("stands-by")?));
        (standby.endpoints.apiserver, standby.endpoints.webhook) =
            (own.endpoints.apiserver, own.endpoints.webhook);
        let leader = advertising(leader);
        leader.restart().await?;
        let outcome = async {
            scene.still_works("by-the-leader").await?;
            standby.start().await?;
            own.touch_slice().await?;
            scene.caught_up().await?;
            told_by_another(&scene, &leader).await?;
            lied_to(&scene).await
        };
        let outcome = to_its_end(outcome).await;
        standby.stop().await?;
        outcome
    })
    .await
}

async fn told_by_another(scene: &Scene, leader: &Postern) -> Result<()> {
    let lease = scene.leases().get("postern-controller").await?;
    assert_eq!(lease.annotations().get(ADDRESS), Some(&leader.endpoints.controller.to_string()));
    let (code, told) = scene.log_of("one").await?;
    assert!(code == StatusCode::OK && told.contains("the pass went well"), "{code}: {told}");

    let path = scene.path("externalsources/one/log?follow=true");
    let mut follower = Follower::new(scene.suite.client(), &path).await?;
    let (code, said) = scene.refresh("").await?;
    assert_eq!(code, StatusCode::CREATED, "{said}");
    follower.until("unchanged").await.map(drop)
}

/// There is no other way to the leader, and no token for whom the Lease names.
async fn lied_to(scene: &Scene) -> Result<()> {
    let liar = Liar::begin(scene.leases()).await?;
    let answered = scene.log_of("one").await;
    liar.end().await?.heard_nothing()?;
    let (code, said) = answered?;
    assert_eq!(code, StatusCode::SERVICE_UNAVAILABLE, "{said}");
    let said: Value = serde_json::from_str(&said)?;
    let message = said["message"].as_str().context("a message")?;
    assert!(message.ends_with("is not reached at the address that its Lease names"), "{message}");

    let (code, told) = scene.log_of("one").await?;
    assert_eq!(code, StatusCode::OK, "the liar is gone: {told}");
    Ok(())
}
