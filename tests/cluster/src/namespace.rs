//! The namespace of one test: gone after it, or explained if the test failed.
use crate::kubectl::Kubectl;
use anyhow::Result;
use std::path::PathBuf;

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

    fn explain(&self) {
        let name = &self.name;
        let ask = |arguments: &[&str]| {
            let answer = self.kubectl.run_blocking(&[&["--namespace", name], arguments].concat());
            answer.unwrap_or_else(|error| format!("{error:#}"))
        };
        let objects = "externalsources.source.flux.oddkin.co,externalartifacts.source.toolkit.fluxcd.io";
        eprintln!(
            "--- what there is in namespace {name}, with conditions and events\n{}",
            ask(&["describe", objects])
        );
        let events = ["get", "events", "--sort-by=.metadata.creationTimestamp"];
        eprintln!("--- events\n{}", ask(&events));
        eprintln!("--- Postern's last lines about it\n{}", self.log_lines(20).join("\n"));
    }

    fn log_lines(&self, count: usize) -> Vec<String> {
        let log = self.postern_log.as_deref().and_then(|path| std::fs::read(path).ok()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let mut lines: Vec<String> = log
            .lines()
            .rev()
            .filter(|line| line.contains(&self.name))
            .take(count)
            .map(str::to_owned)
            .collect();
        lines.reverse();
        lines
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.explain();
        }
        if std::env::var_os("KEEP").is_some_and(|keep| keep == "1") {
            eprintln!("kept namespace {}", self.name);
            return;
        }
        let delete = ["delete", "namespace", &self.name, "--wait=false"];
        if let Err(error) = self.kubectl.run_blocking(&delete) {
            eprintln!("failed to delete namespace {}: {error:#}", self.name);
        }
    }
}
