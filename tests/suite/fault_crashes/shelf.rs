//! The store as it lies on the disk, whether a process is at it or not.
use super::history::Named;
use anyhow::Result;
use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
};

/// The folder of the store, of one namespace in it, and those of what is on its way there.
#[derive(Clone, Debug)]
pub(super) struct Shelf {
    store: PathBuf,
    namespace: PathBuf,
    unfinished: Vec<PathBuf>,
}

impl Shelf {
    pub(super) fn of(store: PathBuf, namespace: &str) -> Self {
        let namespace = store.join("externalsource").join(namespace);
        let unfinished = vec![store.join(".staging")];
        Self { store, namespace, unfinished }
    }

    /// The same, with the folder of the parts of uploads.
    pub(super) fn and_parts(mut self, parts: PathBuf) -> Self {
        self.unfinished.push(parts);
        self
    }

    /// What is wrong with a blob, if anything is.
    pub(super) fn wrong(&self, named: &Named) -> Result<Option<&'static str>> {
        match fs::read(self.store.join(&named.path)) {
            Ok(bytes) if crate::archive::digest(&bytes) == named.digest => Ok(None),
            Ok(_) => Ok(Some("other bytes")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Some("no such file")),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn has_record(&self, named: &Named) -> bool {
        self.record(named).is_file()
    }

    /// The files that belong to no blob of these: blobs and records of others, and what is staged or sent in parts.
    pub(super) fn beyond(&self, kept: &[Named]) -> Result<Vec<PathBuf>> {
        let blobs = kept.iter().map(|named| self.store.join(&named.path));
        let kept: HashSet<_> = blobs.chain(kept.iter().map(|named| self.record(named))).collect();
        let mut left = files(&self.namespace)?;
        // A note says that a revision once was; that is meant to stay.
        left.retain(|path| !kept.contains(path) && path.extension().is_none_or(|ending| ending != "gone"));
        for folder in &self.unfinished {
            left.extend(files(folder)?);
        }
        Ok(left)
    }

    fn record(&self, named: &Named) -> PathBuf {
        let blob = self.store.join(&named.path);
        let digest = named.digest.trim_start_matches("sha256:");
        blob.with_file_name(format!("{digest}.provenance.json"))
    }
}

/// Every file below a folder, and none if there is no such folder.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    // What goes meanwhile is not there.
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    Ok(found)
}
