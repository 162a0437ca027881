//! The namespace of one test: gone after it, and explained if the test failed.
//!
//! What happened in it is printed at the end of every test, whatever its outcome: the test program shows the output of
//! those that failed and throws away the rest, and so a test may panic or return an error as it likes.
use crate::{control_plane, kubectl::Kubectl};
use anyhow::{Context, Result};
use k8s_openapi::api::{core::v1::Namespace as NamespaceObject, events::v1::Event};
use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams},
};
use std::{fmt::Write, path::PathBuf};

/// What a test may have left, as group, version and kind.
const KINDS: [(&str, &str, &str); 3] = [
    ("source.flux.oddkin.co", "v1alpha1", "ExternalSource"),
    ("source.toolkit.fluxcd.io", "v1", "ExternalArtifact"),
    ("kustomize.toolkit.fluxcd.io", "v1", "Kustomization"),
];

/// A namespace that one test owns.
pub struct Namespace {
    name: String,
    kubectl: Kubectl,
    postern_log: Option<PathBuf>,
}

impl Namespace {
    pub(crate) fn new(name: String, kubectl: Kubectl, postern_log: Option<PathBuf>) -> Self {
        Self { name, kubectl, postern_log }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// kubectl in this namespace: what it prints.
    ///
    /// # Errors
    /// kubectl ended with another code than 0; the error holds what it complains about.
    pub async fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        self.kubectl.run(&[&["--namespace", &self.name], arguments].concat()).await
    }

    /// Applies manifests that name no namespace: what kubectl prints.
    ///
    /// # Errors
    /// The manifests are refused; the error says why, field by field.
    pub async fn apply(&self, manifests: &str) -> Result<String> {
        let arguments = ["--namespace", &self.name, "apply", "--filename", "-"];
        self.kubectl.run_with_input(&arguments, manifests).await
    }

    /// Runs in a thread of its own, with a runtime of its own: the test's may be ending.
    fn leave(&self, keep: bool) -> Result<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let client = control_plane::client(&self.kubectl.kubeconfig).await?;
            let story = story(&client, &self.name).await?;
            if !keep {
                let namespaces: Api<NamespaceObject> = Api::all(client);
                namespaces
                    .delete(&self.name, &DeleteParams::default())
                    .await
                    .context("failed to delete it")?;
            }
            Ok(story)
        })
    }

    fn log_lines(&self, count: usize) -> Vec<String> {
        let log = self.postern_log.as_deref().and_then(|path| std::fs::read(path).ok()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let last = log.lines().rev().filter(|line| line.contains(&self.name)).take(count);
        let mut lines: Vec<String> = last.map(str::to_owned).collect();
        lines.reverse();
        lines
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let keep = std::env::var_os("KEEP").is_some_and(|keep| keep == "1");
        let left = std::thread::scope(|scope| scope.spawn(|| self.leave(keep)).join());
        let left = left.unwrap_or_else(|_| Err(anyhow::anyhow!("panicked")));
        let story = left.unwrap_or_else(|error| format!("failed to look into it: {error:#}\n"));
        let kept = if keep { ", kept" } else { "" };
        eprintln!("--- namespace {}{kept}\n{story}--- Postern's log about it", self.name);
        for line in self.log_lines(20) {
            eprintln!("{line}");
        }
    }
}

/// Conditions and events, a line each.
async fn story(client: &Client, namespace: &str) -> Result<String> {
    let mut story = String::new();
    for (group, version, kind) in KINDS {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        let objects: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
        // Flux's CRD need not be installed.
        for object in objects.list(&ListParams::default()).await.into_iter().flatten() {
            writeln!(
                story,
                "{kind} {} generation {}",
                object.name_any(),
                object.metadata.generation.unwrap_or(0)
            )?;
            for condition in object.data["status"]["conditions"].as_array().into_iter().flatten() {
                let text = |field: &str| condition[field].as_str().unwrap_or("?").to_owned();
                let (kind, status) = (text("type"), text("status"));
                writeln!(story, "  {kind}={status} {}: {}", text("reason"), text("message"))?;
            }
        }
    }
    let events: Api<Event> = Api::namespaced(client.clone(), namespace);
    for event in events.list(&ListParams::default()).await? {
        let about = event.regarding.and_then(|object| object.name).unwrap_or_default();
        let [kind, reason, note] = [event.type_, event.reason, event.note].map(Option::unwrap_or_default);
        writeln!(story, "event {kind} {reason} {about}: {note}")?;
    }
    Ok(story)
}
