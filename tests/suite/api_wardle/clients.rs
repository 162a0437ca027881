//! Clients that follow flunders while many change, and while the server and kube-apiserver are restarted: client-go in
//! three ways (`tests/clients/go`), kube in two.
mod changes;
mod go;
mod twin;

use super::registered::Registered;
use crate::sources::PATIENCE;
use anyhow::{Result, ensure};
use go::GoClient;
use std::time::Duration;
use twin::Twin;

/// Together, in three parts: before, between and after the restarts.
const CHANGES: usize = 10_000;

#[tokio::test]
async fn clients_stay_in_step_through_ten_thousand_changes_and_two_restarts() -> Result<()> {
    let Some(here) = Registered::attach_alone().await? else { return Ok(()) };
    let cluster = here.suite.own().expect("registered in a cluster of our own");
    let go = GoClient::start(cluster, here.namespace.name()).await?;
    let flunders = changes::flunders(here.suite.client(), here.namespace.name());
    let twins = [Twin::streaming(flunders.clone()), Twin::paging(flunders.clone())];

    changes::make(&flunders, CHANGES / 3).await?;
    here.server.kill().await?;
    here.server.start().await?;
    here.server.touch_slice().await?;
    changes::make(&flunders, CHANGES / 3).await?;
    cluster.kill_kube_apiserver().await?;
    cluster.start_kube_apiserver().await?;
    changes::make(&flunders, CHANGES - 2 * (CHANGES / 3)).await?;

    let kept = changes::kept(&flunders).await?;
    ensure!(!kept.is_empty(), "nothing is left to agree about");
    for twin in &twins {
        tokio::time::timeout(2 * PATIENCE, twin.agrees_with(&kept)).await?;
    }
    let report = go.report().await?;
    assert_eq!(report["kind"], "wardle.example.com/v1beta1, Kind=Flunder");
    assert_eq!(report["resources"], serde_json::json!(["flunders"]));
    // client-go streams where it can, and falls back to lists in silence.
    for (name, streams, lists) in [("streamed", 1, 0), ("listed", 0, 1), ("metadata", 1, 0)] {
        let informer = &report["informers"][name];
        assert_eq!(informer["began"], serde_json::json!({ "streams": streams, "lists": lists }), "{name}");
        assert_eq!(informer["differences"], serde_json::json!([]), "{name}");
        assert_eq!(informer["objects"], kept.len(), "{name}");
        assert!(informer["events"].as_u64().is_some_and(|events| events > 100), "{name}: {informer}");
    }
    for version in ["v1alpha1", "v1beta1"] {
        assert!(report["schemas"][version].as_u64().is_some_and(|schemas| schemas > 0), "{version}");
    }
    Ok(())
}

/// The pause of whoever waits for something that tells nobody when it comes.
const PAUSE: Duration = Duration::from_millis(50);
