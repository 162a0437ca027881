//! The folder of one cluster: which file lies where. Everything that is known about a cluster can be read from here, so
//! that another process may use, restart or end it.
use anyhow::{Context, Result, ensure};
use std::{
    fs::{self, DirBuilder, File},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// An absolute path that holds one cluster's files; only its owner can read it, since keys lie in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory(PathBuf);

impl Directory {
    /// Names the folder; nothing is created.
    ///
    /// # Errors
    /// A relative path while the working directory is gone.
    pub fn at(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        Ok(Self(
            std::path::absolute(path)
                .with_context(|| format!("failed to make {} absolute", path.display()))?,
        ))
    }

    /// Creates the folder and those inside it; refuses one that holds something else, since much in it is removed later.
    pub(crate) fn create(&self) -> Result<()> {
        let occupied = fs::read_dir(&self.0).is_ok_and(|mut entries| entries.next().is_some());
        let ours = self.lock_file().is_file();
        ensure!(
            ours || !occupied,
            "{} holds something that is no cluster: choose another folder",
            self.0.display()
        );
        for folder in ["", "bin", "programs", "pki", "pids", "logs", "kubeconfigs"] {
            let path = self.0.join(folder);
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&path)
                .with_context(|| format!("failed to create {}", path.display()))?;
        }
        let lock = File::options().create(true).append(true).open(self.lock_file());
        lock.map(drop).with_context(|| format!("failed to create {}", self.lock_file().display()))
    }

    /// Exists in every folder of a cluster; locked while one is started or ended by hand.
    pub(crate) fn lock_file(&self) -> PathBuf {
        self.0.join("lock")
    }

    /// Removes what a cluster leaves, but for its logs.
    pub(crate) fn clear(&self) -> Result<()> {
        for name in [
            "bin",
            "programs",
            "pki",
            "pids",
            "kubeconfigs",
            "etcd",
            "store",
            "kube-cache",
            "kube-cache-older",
            "podinfo",
        ] {
            absent_is_fine(fs::remove_dir_all(self.0.join(name)))?;
        }
        for name in [
            "kubeconfig",
            "env",
            "cluster.json",
            "audit-policy.yaml",
            "externalsource.yaml",
            "hook-whitelist.yaml",
            "hooks.sock",
        ] {
            absent_is_fine(fs::remove_file(self.0.join(name)))?;
        }
        Ok(())
    }

    /// Removes the logs of an earlier cluster.
    pub(crate) fn clear_logs(&self) -> Result<()> {
        absent_is_fine(fs::remove_dir_all(self.0.join("logs")))
    }

    /// Removes the folder itself.
    pub(crate) fn remove(&self) -> Result<()> {
        absent_is_fine(fs::remove_dir_all(&self.0))
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.0.join("kubeconfig")
    }

    /// The kubeconfig that one component uses.
    pub fn kubeconfig_of(&self, component: &str) -> PathBuf {
        self.0.join("kubeconfigs").join(component)
    }

    /// A certificate or key.
    pub fn pki(&self, file: &str) -> PathBuf {
        self.0.join("pki").join(file)
    }

    /// What a process wrote to its outputs.
    pub fn log(&self, process: &str) -> PathBuf {
        self.0.join("logs").join(format!("{process}.log"))
    }

    /// Any other file or folder in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file whole or not at all, readable by its owner only.
    pub(crate) fn write(&self, path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
        use std::io::Write;
        let partial = path.with_added_extension("partial");
        let written = || -> std::io::Result<()> {
            let mut options = fs::OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            options.open(&partial)?.write_all(content.as_ref())?;
            fs::rename(&partial, path)
        };
        written().with_context(|| format!("failed to write {}", path.display()))
    }
}

fn absent_is_fine(result: std::io::Result<()>) -> Result<()> {
    match result {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_somebody_elses_files_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("thesis.txt"), "years of work").unwrap();
        let refused = Directory::at(folder.path()).unwrap().create().expect_err("it is not ours");
        assert!(refused.to_string().contains("choose another folder"), "{refused}");
    }

    #[test]
    fn a_folder_is_used_again_and_again() {
        let folder = tempfile::tempdir().unwrap();
        let directory = Directory::at(folder.path()).unwrap();
        directory.create().unwrap();
        directory.write(&directory.kubeconfig(), "kind: Config").unwrap();
        directory.clear().unwrap();
        assert!(!directory.kubeconfig().exists());
        directory.create().unwrap();
    }
}
