//! A store for one use: a directory of its own, gone with all that lies in it when it is dropped.
use super::{Store, StoreError, blocking, open};
use std::{ffi::OsStr, fs, io, path::Path, sync::Arc};
use tempfile::TempDir;
use tracing::info;
use url::Url;

/// How the names of these directories begin.
const PREFIX: &str = "postern-scratch-";

/// The store. Its bytes lie below the directory for temporary files, for this user alone.
#[derive(Debug)]
pub struct Scratch {
    store: Arc<dyn Store>,
    _directory: TempDir,
}

impl Scratch {
    /// An empty one.
    ///
    /// # Errors
    /// There is no place for temporary files, or no room in it.
    pub async fn new() -> Result<Self, StoreError> {
        blocking(|| Ok(made())).await.unwrap_or_else(|error| Err(failed(error)))
    }

    /// Where things are kept for now.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }
}

/// Removes what processes that were killed have left: all such directories that no living process owns.
pub async fn sweep() {
    let swept = blocking(|| sweep_in(&std::env::temp_dir())).await;
    match swept {
        Ok(0) => {}
        Ok(removed) => info!(removed, "removed the scratch of a process that was killed"),
        Err(error) => info!(%error, "the scratch of a process that was killed may still be there"),
    }
}

fn made() -> Result<Scratch, StoreError> {
    let directory = tempfile::Builder::new().prefix(PREFIX).tempdir().map_err(failed)?;
    let store = open(&address(directory.path()).map_err(failed)?)?;
    Ok(Scratch { store, _directory: directory })
}

fn address(directory: &Path) -> io::Result<Url> {
    let absolute = directory.canonicalize()?;
    Url::from_directory_path(absolute).map_err(|()| io::ErrorKind::InvalidFilename.into())
}

fn failed(error: io::Error) -> StoreError {
    StoreError::write("making a scratch directory", error)
}

/// Whoever can open such a directory as a store is its owner, so nobody else is.
fn sweep_in(folder: &Path) -> io::Result<usize> {
    let mut removed = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let is_ours = |name: &OsStr| name.to_str().is_some_and(|name| name.starts_with(PREFIX));
        if !is_ours(&entry.file_name()) || !entry.file_type()?.is_dir() {
            continue;
        }
        let path = entry.path();
        if let Ok(Ok(_owned)) = address(&path).map(|address| open(&address)) {
            fs::remove_dir_all(&path)?;
            removed += 1;
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nothing_is_left_of_it() {
        let scratch = Scratch::new().await.unwrap();
        let directory = scratch._directory.path().to_owned();
        scratch.store().check().await.unwrap();
        assert!(directory.is_dir());
        drop(scratch);
        assert!(!directory.exists());
    }

    #[test]
    fn what_the_dead_left_is_swept_and_what_the_living_use_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let names = [format!("{PREFIX}dead"), format!("{PREFIX}alive"), "another".to_owned()];
        let [dead, alive, another] = names.map(|name| folder.path().join(name));
        for directory in [&dead, &alive, &another] {
            fs::create_dir(directory).unwrap();
            fs::write(directory.join("file"), "x").unwrap();
        }
        let _owner = open(&address(&alive).unwrap()).unwrap();
        assert_eq!(sweep_in(folder.path()).unwrap(), 1);
        assert!(!dead.exists() && alive.exists() && another.exists());
    }
}
