//! What the controllers of a cluster do with objects of an aggregated API: the garbage collector and quota treat them as they
//! treat all others. Deletion with a namespace is shown by `kubectl::writing`.
use super::registered::Registered;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// The garbage collector and quota look for new kinds every half a minute.
const DISCOVERY: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(200);

const CONFIG_MAP: (&str, &str) = ("v1", "ConfigMap");
const FLUNDER: (&str, &str) = ("wardle.example.com/v1beta1", "Flunder");

impl Registered {
    async fn uid(&self, object: &str) -> Result<String> {
        self.kubectl(&["get", object, "--output=jsonpath={.metadata.uid}"]).await
    }

    /// Makes an object that belongs to another one.
    async fn owned(
        &self,
        (api_version, kind): (&str, &str),
        name: &str,
        (owner_version, owner_kind): (&str, &str),
        (owner, uid): (&str, &str),
    ) -> Result<()> {
        let owner = json!({ "apiVersion": owner_version, "kind": owner_kind, "name": owner, "uid": uid });
        let metadata = json!({ "name": name, "ownerReferences": [owner] });
        let object = json!({ "apiVersion": api_version, "kind": kind, "metadata": metadata });
        self.namespace.apply(&object.to_string()).await.map(drop)
    }

    /// Returns once it is gone.
    async fn collected(&self, object: &str) -> Result<()> {
        let gone = async {
            while !self.kubectl(&["get", object, "--ignore-not-found", "--output=name"]).await?.is_empty() {
                sleep(PAUSE).await;
            }
            anyhow::Ok(())
        };
        timeout(DISCOVERY, gone).await.with_context(|| format!("{object} stays"))?
    }

    async fn is_there(&self, object: &str) -> Result<bool> {
        Ok(!self.kubectl(&["get", object, "--ignore-not-found", "--output=name"]).await?.is_empty())
    }
}

#[tokio::test]
async fn an_owner_takes_its_flunders_along() -> Result<()> {
    let Some(here) = Registered::attach().await? else { return Ok(()) };
    here.kubectl(&["create", "configmap", "owner"]).await?;
    let uid = here.uid("configmap/owner").await?;
    here.owned(FLUNDER, "child", CONFIG_MAP, ("owner", &uid)).await?;
    here.kubectl(&["delete", "configmap", "owner"]).await?;
    here.collected("flunder/child").await
}

#[tokio::test]
async fn a_flunder_takes_what_it_owns_along_in_either_order() -> Result<()> {
    let Some(here) = Registered::with_flunders().await? else { return Ok(()) };
    for (owner, order) in [("a", "background"), ("b", "foreground")] {
        let uid = here.uid(&format!("flunder/{owner}")).await?;
        let child = format!("child-of-{owner}");
        here.owned(CONFIG_MAP, &child, FLUNDER, (owner, &uid)).await?;
        let cascade = format!("--cascade={order}");
        here.kubectl(&["delete", "flunder", owner, &cascade, "--timeout=120s"]).await?;
        if order == "foreground" {
            assert!(!here.is_there(&format!("configmap/{child}")).await?, "the owner goes last");
        }
        here.collected(&format!("configmap/{child}")).await?;
    }
    let uid = here.uid("flunder/c").await?;
    here.owned(CONFIG_MAP, "orphan", FLUNDER, ("c", &uid)).await?;
    here.kubectl(&["delete", "flunder", "c", "--cascade=orphan", "--timeout=120s"]).await?;
    let owners = "--output=jsonpath={.metadata.ownerReferences}";
    assert_eq!(here.kubectl(&["get", "configmap", "orphan", owners]).await?, "");
    Ok(())
}

/// An owner that does not exist has the object collected that names it, as with every kind, and nobody else's.
#[tokio::test]
async fn cve_2025_5187_a_forged_owner_deletes_only_its_own_object() -> Result<()> {
    let Some(here) = Registered::with_flunders().await? else { return Ok(()) };
    here.owned(FLUNDER, "forged", FLUNDER, ("a", "00000000-0000-0000-0000-000000000000")).await?;
    here.collected("flunder/forged").await?;
    for other in ["a", "b", "c"] {
        assert!(here.is_there(&format!("flunder/{other}")).await?, "{other} is gone");
    }
    Ok(())
}

#[tokio::test]
async fn quota_counts_flunders_and_everything_beside_them() -> Result<()> {
    let Some(here) = Registered::with_flunders().await? else { return Ok(()) };
    let kinds = ["count/flunders.wardle.example.com", "count/secrets"];
    let mut limit = 10;
    let counted = async {
        loop {
            // Another limit makes the controller count anew, which a new flunder does not.
            limit += 1;
            let hard: Value = kinds
                .iter()
                .map(|kind| ((*kind).to_owned(), json!(limit.to_string())))
                .collect::<serde_json::Map<_, _>>()
                .into();
            let quota = json!({ "apiVersion": "v1", "kind": "ResourceQuota", "metadata": { "name": "quota" }, "spec": { "hard": hard } });
            here.namespace.apply(&quota.to_string()).await?;
            sleep(PAUSE).await;
            let quota: Value =
                serde_json::from_str(&here.kubectl(&["get", "quota", "quota", "--output=json"]).await?)?;
            let used =
                kinds.map(|kind| quota["status"]["used"][kind].as_str().unwrap_or_default().to_owned());
            if used == ["3", "0"] {
                return anyhow::Ok(());
            }
        }
    };
    timeout(DISCOVERY, counted).await.context("the flunders are not counted")??;
    let full = here.kubectl(&["create", "secret", "generic", "one"]).await?;
    assert!(full.contains("created"), "{full}");
    Ok(())
}
