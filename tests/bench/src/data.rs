//! The bytes that the benches move: the same in every run.
//!
//! The generated ones come from a fixed seed; the text is what an inventory endpoint of a platform would export, one
//! Kubernetes object a line (see [`objects`]). The sources of the dependencies are text that nobody made for a bench,
//! and `Cargo.lock` pins them.
mod objects;
mod random;

use anyhow::{Context, Result, ensure};
use objects::Application;
use random::Random;
use std::{
    collections::VecDeque,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const SEED: u64 = 0x0050_6f73_7465_726e;

/// JSON lines of that size; the last line is cut.
pub(crate) fn text(size: usize) -> Vec<u8> {
    lines(&mut Random::new(SEED), size)
}

/// The small document of one source among many: as [`text`], but different for every number.
pub(crate) fn document(number: u64, size: usize) -> Vec<u8> {
    lines(&mut Random::new(SEED ^ (number + 1)), size)
}

/// Bytes that no compressor makes smaller.
pub(crate) fn noise(size: usize) -> Vec<u8> {
    let mut random = Random::new(SEED);
    let mut noise: Vec<u8> = Vec::with_capacity(size + 8);
    while noise.len() < size {
        noise.extend_from_slice(&random.next().to_le_bytes());
    }
    noise.truncate(size);
    noise
}

/// The Rust sources of everything that Postern is built from, in the order of their names, up to that size.
pub(crate) fn sources(size: usize) -> Result<Vec<u8>> {
    let mut sources = Vec::with_capacity(size);
    for package in packages()? {
        for file in rust_files(&package)? {
            sources.extend(fs::read(&file).with_context(|| format!("failed to read {}", file.display()))?);
            if sources.len() >= size {
                sources.truncate(size);
                return Ok(sources);
            }
        }
    }
    ensure!(sources.len() >= size, "the dependencies have only {} bytes of sources", sources.len());
    Ok(sources)
}

fn lines(random: &mut Random, size: usize) -> Vec<u8> {
    let mut lines = Vec::with_capacity(size);
    while lines.len() < size {
        for object in Application::new(random).objects(random) {
            serde_json::to_writer(&mut lines, &object).expect("a value is written to memory");
            lines.push(b'\n');
        }
    }
    lines.truncate(size);
    lines
}

/// The folders of all packages from the registry that a build for Linux takes; `cargo fetch` has brought them.
fn packages() -> Result<Vec<PathBuf>> {
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let output = Command::new("cargo")
        .args(["metadata", "--format-version=1", "--locked", "--offline", "--filter-platform", &platform])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .context("failed to run cargo metadata")?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).context("cargo metadata said nothing")?;
    let packages = metadata["packages"].as_array().context("cargo metadata named no packages")?;
    let foreign = packages.iter().filter(|package| !package["source"].is_null());
    let mut folders: Vec<_> = foreign
        .filter_map(|package| Path::new(package["manifest_path"].as_str()?).parent().map(Path::to_owned))
        .collect();
    folders.sort_by(|a, b| a.file_name().cmp(&b.file_name()));
    Ok(folders)
}

fn rust_files(package: &Path) -> Result<Vec<PathBuf>> {
    let (mut files, mut folders) = (Vec::new(), VecDeque::from([package.to_owned()]));
    while let Some(folder) = folders.pop_front() {
        for entry in fs::read_dir(&folder).with_context(|| format!("failed to list {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push_back(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}
