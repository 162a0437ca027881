//! What a file of the operator says now.
//!
//! Polled, not watched: kubelet swaps the folder that its symlinks point to, which a watch on the file never sees.
use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use std::{
    error::Error,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use telemetry::Chain;
use tokio::{fs, sync::watch, time};
use tracing::{info, warn};

/// One small read, so a new file counts within about a second.
const EVERY: Duration = Duration::from_secs(1);

/// What is read from a file of the operator.
pub trait OfFile: Send + Sync + Sized + 'static {
    /// What is wrong with a text.
    type Invalid: Error + Send + Sync + 'static;

    /// What it is called, in sentences.
    const NAME: &'static str;
    /// What the names of its metrics begin with.
    const METRICS: &'static str;

    /// Reads a file's text.
    ///
    /// # Errors
    /// Something in it cannot be used.
    fn parse(text: &str) -> Result<Self, Self::Invalid>;

    /// What is allowed but unwise, a sentence each.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }
}

/// What the file says at the moment. Clones are the same one.
#[derive(Debug)]
pub struct Live<T> {
    current: watch::Sender<Arc<T>>,
    /// What is wrong with the file, if something is.
    problem: watch::Sender<Option<String>>,
}

impl<T> Clone for Live<T> {
    fn clone(&self) -> Self {
        Self { current: self.current.clone(), problem: self.problem.clone() }
    }
}

impl<T> Live<T> {
    /// What stays as it is.
    pub fn fixed(value: T) -> Self {
        Self { current: watch::Sender::new(Arc::new(value)), problem: watch::Sender::default() }
    }

    /// As it is now.
    pub fn now(&self) -> Arc<T> {
        Arc::clone(&self.current.borrow())
    }

    /// Tells of each version after the one of now; who is slow hears of the newest alone.
    pub fn changes(&self) -> watch::Receiver<Arc<T>> {
        self.current.subscribe()
    }

    /// Tells, in words, why the file as it is now cannot be used, while the last good one stays; nothing while it can.
    pub fn problems(&self) -> watch::Receiver<Option<String>> {
        self.problem.subscribe()
    }
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable<E: Error + 'static> {
    /// It cannot be read.
    #[error("failed to read the {name} {path}")]
    Unreadable {
        /// What it should hold.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It can be read, and not used.
    #[error("failed to use the {name} {path}")]
    Invalid {
        /// What it should hold.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: E,
    },
}

/// Reads the file again and again. Runs until it is dropped.
pub struct Reload<T> {
    path: PathBuf,
    live: Live<T>,
    text: String,
    metrics: Metrics,
}

#[derive(Clone, Debug, Default)]
struct Metrics {
    reloads: Family<Labels, Counter>,
    current: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
enum Outcome {
    Loaded,
    Refused,
}

impl<T: OfFile> Reload<T> {
    /// Reads the file for the first time, and registers its metrics below `registry`.
    ///
    /// # Errors
    /// It cannot be used: what begins without one has nothing to stay with.
    pub async fn start(
        path: &Path,
        registry: &mut Registry,
    ) -> Result<(Live<T>, Self), Unusable<T::Invalid>> {
        let text = read::<T>(path).await?;
        let value = parse(path, &text)?;
        let metrics = Metrics::default();
        metrics.register::<T>(registry);
        metrics.loaded();
        let live = Live::fixed(value);
        Ok((live.clone(), Self { path: path.to_owned(), live, text, metrics }))
    }

    /// Follows the file. While it is missing or wrong, the last good version stays; that is told once.
    pub async fn run(mut self) {
        let mut ticks = time::interval(EVERY);
        ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.look().await;
        }
    }

    async fn look(&mut self) {
        let problem = self.again().await.err().map(|error| Chain(&error).to_string());
        if *self.live.problem.borrow() == problem {
            return;
        }
        if let Some(error) = &problem {
            self.metrics.refused();
            warn!(error, file = T::NAME, "the last good version stays");
        }
        self.live.problem.send_replace(problem);
    }

    async fn again(&mut self) -> Result<(), Unusable<T::Invalid>> {
        let text = read::<T>(&self.path).await?;
        if text != self.text {
            let value = parse(&self.path, &text)?;
            info!(path = %self.path.display(), file = T::NAME, "file of the operator replaced");
            self.live.current.send_replace(Arc::new(value));
            self.text = text;
            self.metrics.loaded();
        }
        self.metrics.current.set(1);
        Ok(())
    }
}

impl Metrics {
    fn register<T: OfFile>(&self, registry: &mut Registry) {
        let help = format!("Versions of the {} that were read, by what became of them", T::NAME);
        registry.register(format!("{}_reloads", T::METRICS), help, self.reloads.clone());
        let help = format!("Whether the {} in use is what its file says now", T::NAME);
        registry.register(format!("{}_current", T::METRICS), help, self.current.clone());
        for outcome in [Outcome::Loaded, Outcome::Refused] {
            drop(self.reloads.get_or_create(&Labels { outcome }));
        }
    }

    fn loaded(&self) {
        self.current.set(1);
        self.reloads.get_or_create(&Labels { outcome: Outcome::Loaded }).inc();
    }

    fn refused(&self) {
        self.current.set(0);
        self.reloads.get_or_create(&Labels { outcome: Outcome::Refused }).inc();
    }
}

async fn read<T: OfFile>(path: &Path) -> Result<String, Unusable<T::Invalid>> {
    let text = fs::read_to_string(path).await;
    text.map_err(|source| Unusable::Unreadable { name: T::NAME, path: path.to_owned(), source })
}

fn parse<T: OfFile>(path: &Path, text: &str) -> Result<T, Unusable<T::Invalid>> {
    let invalid = |source| Unusable::Invalid { name: T::NAME, path: path.to_owned(), source };
    let value = T::parse(text).map_err(invalid)?;
    for warning in value.warnings() {
        warn!(warning, file = T::NAME, "unwise rule in a file of the operator");
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hooks::Whitelist;
    use prometheus_client::encoding::text::encode;

    fn admits(live: &Live<Whitelist>, command: &str) -> bool {
        live.now().check(command, &[], []).is_ok()
    }

    fn metrics(registry: &Registry) -> String {
        let mut text = String::new();
        encode(&mut text, registry).expect("memory");
        text
    }

    #[tokio::test]
    async fn a_new_file_counts_and_a_bad_one_leaves_the_last_good() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("whitelist.yaml");
        std::fs::write(&path, "commands: { jq: {} }").expect("written");
        let mut registry = Registry::default();
        let (live, mut reload) = Reload::<Whitelist>::start(&path, &mut registry).await.expect("a good file");
        assert!(admits(&live, "jq") && !admits(&live, "yq"));
        let (mut changes, problems) = (live.changes(), live.problems());

        std::fs::write(&path, "commands: { yq: {} }").expect("written");
        reload.look().await;
        assert!(admits(&live, "yq") && !admits(&live, "jq"));
        assert!(changes.has_changed().is_ok_and(|changed| changed));
        changes.mark_unchanged();

        for bad in [Some("commands: ["), None] {
            match bad {
                Some(text) => std::fs::write(&path, text).expect("written"),
                None => std::fs::remove_file(&path).expect("removed"),
            }
            reload.look().await;
            assert!(admits(&live, "yq") && reload.metrics.current.get() == 0, "{bad:?}");
            let told = problems.borrow().clone().expect("something is wrong");
            assert!(told.contains("whitelist.yaml"), "{told}");
        }
        assert!(metrics(&registry).contains(r#"hook_whitelist_reloads_total{outcome="Loaded"} 2"#));
        assert!(changes.has_changed().is_ok_and(|changed| !changed), "only what counts is told");
    }

    #[tokio::test]
    async fn what_stays_wrong_is_counted_once_and_shown_until_it_is_right() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("whitelist.yaml");
        std::fs::write(&path, "commands: {}").expect("written");
        let mut registry = Registry::default();
        let (_live, mut reload) =
            Reload::<Whitelist>::start(&path, &mut registry).await.expect("a good file");
        std::fs::write(&path, "commands: [").expect("written");
        for _ in 0..3 {
            reload.look().await;
        }
        let shown = metrics(&registry);
        assert!(shown.contains(r#"hook_whitelist_reloads_total{outcome="Refused"} 1"#), "{shown}");
        assert!(shown.contains("hook_whitelist_current 0"), "{shown}");
        std::fs::write(&path, "commands: {}").expect("written");
        reload.look().await;
        assert!(metrics(&registry).contains("hook_whitelist_current 1"));
    }

    #[tokio::test]
    async fn nothing_begins_without_a_whitelist() {
        let missing = Reload::<Whitelist>::start(Path::new("/nowhere"), &mut Registry::default()).await;
        assert_eq!(
            missing.err().map(|error| error.to_string()),
            Some("failed to read the whitelist /nowhere".into())
        );
    }
}
