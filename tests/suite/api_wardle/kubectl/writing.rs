//! Changing flunders: created, applied, patched, labelled, deleted, and with the namespace that they lie in.
use super::with_each_kubectl;
use crate::api_wardle::registered::{Registered, flunder};
use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Namespace as NamespaceObject;
use kube::{
    Api,
    api::DeleteParams,
    runtime::{conditions, wait::await_condition},
};
use std::time::Duration;
use tokio::time::timeout;

/// For what the namespace controller does, in its own time.
const PATIENCE: Duration = Duration::from_secs(60);

impl Registered {
    /// kubectl that reads a manifest.
    async fn with_manifest(&self, arguments: &[&str], manifest: &str) -> Result<String> {
        let all = [&["--namespace", self.namespace.name()], arguments, &["--filename", "-"]].concat();
        self.by.run_with_input(&all, manifest).await
    }

    async fn field(&self, name: &str, path: &str) -> Result<String> {
        self.kubectl(&["get", "flunder", name, &format!("--output=jsonpath={{{path}}}")]).await
    }
}

#[tokio::test]
async fn apply_creates_changes_and_leaves_alone() -> Result<()> {
    with_each_kubectl(async |here| {
        let apply = async |arguments: &[&str], manifest: &str| {
            here.with_manifest(&[&["apply"], arguments].concat(), manifest).await
        };
        let dry = apply(&["--dry-run=server"], &flunder("a", "front", "x")).await?;
        assert!(dry.contains("created (server dry run)"), "{dry}");
        let missing = here.kubectl(&["get", "flunder", "a"]).await.expect_err("nothing was created");
        assert!(format!("{missing:#}").contains("NotFound"), "{missing:#}");
        assert!(apply(&[], &flunder("a", "front", "x")).await?.contains("created"));
        assert!(apply(&[], &flunder("a", "front", "x")).await?.contains("unchanged"));
        assert!(
            apply(&["--dry-run=server"], &flunder("a", "front", "y"))
                .await?
                .contains("configured (server dry run)")
        );
        assert_eq!(here.field("a", ".spec.flunderReference").await?, "x");
        assert!(apply(&[], &flunder("a", "front", "y")).await?.contains("configured"));
        assert_eq!(here.field("a", ".spec.flunderReference").await?, "y");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn server_side_apply_is_refused_with_what_would_be_taken() -> Result<()> {
    with_each_kubectl(async |here| {
        let refused = here.with_manifest(&["apply", "--server-side"], &flunder("a", "front", "x")).await;
        let refused = format!("{:#}", refused.expect_err("nobody keeps track of fields"));
        assert!(refused.contains("accepted media types include: application/json-patch+json"), "{refused}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_mistake_is_told_by_its_field() -> Result<()> {
    with_each_kubectl(async |here| {
        let unknown = flunder("a", "front", "x").replace("reference:", "nonsense:");
        let refused = here.with_manifest(&["create"], &unknown).await.expect_err("an unknown field");
        assert!(format!("{refused:#}").contains("unknown field \"spec.nonsense\""), "{refused:#}");
        let wrong = flunder("a", "front", "x")
            .replace("reference: \"x\"", "referenceType: Other")
            .replace("v1alpha1", "v1beta1");
        let refused = here.with_manifest(&["create"], &wrong).await.expect_err("a type that does not exist");
        assert!(format!("{refused:#}").contains("must be Flunder or Fischer"), "{refused:#}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn diff_shows_what_apply_would_change() -> Result<()> {
    with_each_kubectl(async |here| {
        here.make_flunders().await?;
        let arguments = ["--namespace", here.namespace.name(), "diff", "--filename", "-"];
        let diff = here.by.output(&arguments, &flunder("a", "front", "other")).await?;
        let shown = String::from_utf8_lossy(&diff.stdout);
        assert_eq!(diff.status.code(), Some(1), "{shown}{}", String::from_utf8_lossy(&diff.stderr));
        assert!(shown.contains("-  reference: x") && shown.contains("+  reference: other"), "{shown}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn single_fields_are_changed() -> Result<()> {
    with_each_kubectl(async |here| {
        here.make_flunders().await?;
        here.kubectl(&["label", "flunder", "a", "colour=blue"]).await?;
        here.kubectl(&["annotate", "flunder", "a", "note=here"]).await?;
        assert_eq!(here.field("a", ".metadata.labels.colour").await?, "blue");
        assert_eq!(here.field("a", ".metadata.annotations.note").await?, "here");
        here.kubectl(&["label", "flunder", "a", "colour-"]).await?;
        assert_eq!(here.field("a", ".metadata.labels.colour").await?, "");
        let merge = r#"{"spec":{"flunderReference":"merged"}}"#;
        here.kubectl(&["patch", "flunder", "a", "--type=merge", "--patch", merge]).await?;
        assert_eq!(here.field("a", ".spec.flunderReference").await?, "merged");
        let json = r#"[{"op":"replace","path":"/spec/flunderReference","value":"patched"}]"#;
        here.kubectl(&["patch", "flunder", "a", "--type=json", "--patch", json]).await?;
        let wanted = "--for=jsonpath={.spec.flunderReference}=patched";
        here.kubectl(&["wait", wanted, "flunder/a", "--timeout=20s"]).await?;
        let replaced =
            here.kubectl(&["get", "flunder", "a", "--output=yaml"]).await?.replace("patched", "replaced");
        here.with_manifest(&["replace"], &replaced).await?;
        assert_eq!(here.field("a", ".spec.flunderReference").await?, "replaced");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn deleting_waits_until_they_are_gone() -> Result<()> {
    with_each_kubectl(async |here| {
        here.make_flunders().await?;
        let deleted = here.kubectl(&["delete", "flunder", "a", "--wait"]).await?;
        assert!(deleted.contains("flunder.wardle.example.com \"a\" deleted"), "{deleted}");
        here.kubectl(&["delete", "flunder", "b", "--cascade=foreground", "--timeout=30s"]).await?;
        here.kubectl(&["delete", "flunders", "--all"]).await?;
        let left = here.kubectl(&["get", "flunders", "--output=name"]).await?;
        assert_eq!(left, "");
        Ok(())
    })
    .await
}

/// Whether the namespace is gone within a minute.
async fn goes(here: &Registered, name: &str) -> Result<bool> {
    let namespaces: Api<NamespaceObject> = Api::all(here.suite.client().clone());
    let uid = namespaces.get(name).await?.metadata.uid.context("a uid")?;
    namespaces.delete(name, &DeleteParams::default()).await?;
    let gone = await_condition(namespaces, name, conditions::is_deleted(&uid));
    Ok(timeout(Duration::from_secs(60), gone).await.is_ok_and(|gone| gone.is_ok()))
}

#[tokio::test]
async fn a_namespace_takes_its_flunders_along() -> Result<()> {
    let Some(here) = Registered::with_flunders().await? else { return Ok(()) };
    let name = here.namespace.name().to_owned();
    ensure!(goes(&here, &name).await?, "the namespace stays");
    let left = here.suite.kubectl().run(&["get", "flunders", "--all-namespaces"]).await?;
    assert!(!left.contains(&name), "{left}");
    Ok(())
}

/// Whether a namespace that is deleted says that it cannot learn or delete what is in it.
fn waits_for_a_server(namespace: Option<&NamespaceObject>) -> bool {
    let conditions = namespace.and_then(|namespace| namespace.status.as_ref()?.conditions.as_ref());
    let obstacles = ["NamespaceDeletionDiscoveryFailure", "NamespaceDeletionContentFailure"];
    conditions
        .into_iter()
        .flatten()
        .any(|condition| obstacles.contains(&condition.type_.as_str()) && condition.status == "True")
}

/// Deletes the namespace while the server is gone, and returns once it waits for the server.
async fn delete_without_server(here: &Registered) -> Result<()> {
    here.server.kill().await?;
    let namespaces: Api<NamespaceObject> = Api::all(here.suite.client().clone());
    let name = here.namespace.name();
    namespaces.delete(name, &DeleteParams::default()).await?;
    timeout(PATIENCE, await_condition(namespaces, name, waits_for_a_server)).await??;
    Ok(())
}

async fn gone(here: &Registered) -> Result<()> {
    let namespaces: Api<NamespaceObject> = Api::all(here.suite.client().clone());
    let is_gone = |object: Option<&NamespaceObject>| object.is_none();
    timeout(2 * PATIENCE, await_condition(namespaces, here.namespace.name(), is_gone)).await??;
    Ok(())
}

#[tokio::test]
async fn a_namespace_goes_once_the_server_is_back() -> Result<()> {
    let Some(here) = Registered::attach_alone().await? else { return Ok(()) };
    delete_without_server(&here).await?;
    here.server.start().await?;
    here.server.touch_slice().await?;
    gone(&here).await
}

/// Uninstalled in the wrong order: the server is gone, and its registration goes last.
#[tokio::test]
async fn a_namespace_goes_once_the_registration_of_a_lost_server_is_gone() -> Result<()> {
    let Some(here) = Registered::attach_alone().await? else { return Ok(()) };
    delete_without_server(&here).await?;
    here.server.unregister().await?;
    let went = gone(&here).await;
    here.server.start().await?;
    here.server.register().await?;
    went.context("it waits for a server that nobody knows")
}
