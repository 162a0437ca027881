//! Looking at flunders: in every form, by every selector.
use super::with_each_kubectl;
use crate::api_wardle::program::Program;
use anyhow::{Context, Result};
use serde_json::Value;

fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

/// The first word of each line.
fn names(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.split_whitespace().next()).collect()
}

#[tokio::test]
async fn objects_are_shown_in_every_form() -> Result<()> {
    with_each_kubectl(async |here| {
        here.make_flunders().await?;
        let table = here.kubectl(&["get", "flunders"]).await?;
        assert_eq!(names(&table), ["NAME", "a", "b", "c"], "{table}");
        let wide = here.kubectl(&["get", "flunders", "--output=wide"]).await?;
        assert_eq!(names(&wide), ["NAME", "a", "b", "c"], "{wide}");
        let by_name = here.kubectl(&["get", "flunders", "--output=name"]).await?;
        assert_eq!(lines(&by_name)[0], "flunder.wardle.example.com/a");
        let paths = "--output=jsonpath={.items[*].metadata.name}";
        assert_eq!(here.kubectl(&["get", "flunders", paths]).await?, "a b c");
        let yaml = here.kubectl(&["get", "flunder", "a", "--output=yaml"]).await?;
        let shown: Value = serde_saphyr::from_str(&yaml)?;
        assert_eq!(
            (&shown["kind"], &shown["apiVersion"]),
            (&"Flunder".into(), &"wardle.example.com/v1beta1".into())
        );
        assert_eq!(shown["spec"]["flunderReference"], "x");
        let old =
            here.kubectl(&["get", "flunders.v1alpha1.wardle.example.com", "a", "--output=yaml"]).await?;
        let old: Value = serde_saphyr::from_str(&old)?;
        assert_eq!(old["spec"]["reference"], "x");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn objects_are_found_by_selectors() -> Result<()> {
    with_each_kubectl(async |here| {
        here.make_flunders().await?;
        let get = async |arguments: &[&str]| {
            here.kubectl(&[&["get", "flunders", "--no-headers"], arguments].concat()).await
        };
        assert_eq!(names(&get(&["-l", "tier=back"]).await?), ["b", "c"]);
        assert_eq!(names(&get(&["-l", "tier notin (back)"]).await?), ["a"]);
        assert_eq!(names(&get(&["--field-selector", "metadata.name=b"]).await?), ["b"]);
        let unselectable = get(&["--field-selector", "spec.reference=x"]).await.expect_err("no such field");
        assert!(format!("{unselectable:#}").contains("is not a known field selector"), "{unselectable:#}");
        assert_eq!(names(&get(&["--sort-by={.spec.flunderReference}"]).await?), ["a", "c", "b"]);
        assert_eq!(names(&get(&["--chunk-size=1"]).await?), ["a", "b", "c"]);
        let everywhere = here.kubectl(&["get", "flunders", "--all-namespaces", "--no-headers"]).await?;
        assert_eq!(names(&everywhere).iter().filter(|name| **name == here.namespace.name()).count(), 3);
        Ok(())
    })
    .await
}

/// What kubectl prints next of a watch: what happened, and to which object.
async fn event(watch: &mut Program) -> Result<String> {
    let line = watch.line().await?;
    Ok(line.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
}

#[tokio::test]
async fn a_watch_shows_what_happens() -> Result<()> {
    with_each_kubectl(async |here| {
        here.make_flunders().await?;
        let arguments = ["get", "flunders", "--watch", "--output-watch-events", "--no-headers"];
        let arguments = [&["--namespace", here.namespace.name()], &arguments[..]].concat();
        let mut watch = Program::start(&mut here.by.command(&arguments))?;
        // Once the list is printed, kubectl follows from its version, whenever that reaches the server.
        for listed in ["ADDED a", "ADDED b", "ADDED c"] {
            assert_eq!(event(&mut watch).await?, listed);
        }
        here.kubectl(&["label", "flunder", "a", "seen=yes"]).await?;
        assert_eq!(event(&mut watch).await?, "MODIFIED a");
        here.kubectl(&["delete", "flunder", "b"]).await?;
        assert_eq!(event(&mut watch).await?, "DELETED b");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_resource_explains_itself() -> Result<()> {
    with_each_kubectl(async |here| {
        here.make_flunders().await?;
        let described = here.kubectl(&["describe", "flunder", "a"]).await?;
        assert!(described.contains("Flunder Reference:") && described.contains("tier=front"), "{described}");
        let explained = here.kubectl(&["explain", "flunder", "--recursive"]).await?;
        for field in ["spec", "flunderReference", "fischerReference", "referenceType", "status"] {
            assert!(explained.contains(field), "no {field} in {explained}");
        }
        let versioned = ["explain", "flunder.spec.reference", "--api-version=wardle.example.com/v1alpha1"];
        let explained = here.kubectl(&versioned).await?;
        assert!(explained.contains("A name of another flunder or fischer"), "{explained}");
        let resources =
            here.kubectl(&["api-resources", "--api-group=wardle.example.com", "--output=wide"]).await?;
        let flunders = resources.lines().find(|line| line.starts_with("flunders")).context("flunders")?;
        assert!(
            flunders.contains("create,delete,deletecollection,get,list,patch,update,watch"),
            "{flunders}"
        );
        assert!(resources.contains("fischers"), "{resources}");
        let may = here.kubectl(&["auth", "can-i", "delete", "flunders.wardle.example.com"]).await?;
        assert_eq!(may.trim(), "yes");
        let path =
            format!("/apis/wardle.example.com/v1beta1/namespaces/{}/flunders/a", here.namespace.name());
        let raw: Value = serde_json::from_str(&here.kubectl(&["get", "--raw", &path]).await?)?;
        assert_eq!(raw["metadata"]["name"], "a");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_cluster_scoped_kind_explains_itself_and_can_be_tried() -> Result<()> {
    with_each_kubectl(async |here| {
        let explained = here.kubectl(&["explain", "fischers", "--recursive"]).await?;
        for field in ["KIND:", "Fischer", "disallowedFlunders", "<[]string>"] {
            assert!(explained.contains(field), "no {field} in {explained}");
        }
        let manifest = "apiVersion: wardle.example.com/v1alpha1\nkind: Fischer\nmetadata: {name: tried}\n";
        let dry = ["apply", "--dry-run=server", "--filename", "-"];
        let tried = here.by.run_with_input(&dry, manifest).await?;
        assert!(tried.contains("fischer.wardle.example.com/tried created (server dry run)"), "{tried}");
        let left = here.kubectl(&["get", "fischers", "tried", "--ignore-not-found"]).await?;
        assert_eq!(left, "");
        Ok(())
    })
    .await
}
