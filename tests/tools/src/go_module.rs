//! One pinned Go module: its cache folder, and how programs and files get there, safely and only once.
use anyhow::{Context, Result, bail, ensure};
use std::{
    fs::{self, File, TryLockError},
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

/// The linker drops it anyhow (`-s -w`); not generating it saves a fourteenth of the compile time.
const NO_DEBUG_INFO: &str = "-gcflags=all=-dwarf=false";

/// What is Kubernetes' own and no library, registries and controllers above all, is compiled without inlining: a quarter less time,
/// for code that no request in a hurry flows through.
const NO_INLINING: &str = "-gcflags=k8s.io/kubernetes/...=-dwarf=false -l";

/// Go's compiler and linker collect garbage only when it is much, which takes a fifth less time.
const RARE_COLLECTIONS: [(&str, &str); 2] = [("GOGC", "off"), ("GOMEMLIMIT", "3GiB")];

/// A folder with `go.mod` and `go.sum`, perhaps with a program of ours, and the module that it pins.
pub(crate) struct GoModule {
    /// Of its folder in the cache.
    pub(crate) name: &'static str,
    /// From this crate.
    pub(crate) folder: &'static str,
    pub(crate) path: &'static str,
}

/// What to build: the file's name and the package it comes from.
pub(crate) struct Recipe<'a> {
    pub(crate) name: &'a str,
    pub(crate) package: &'a str,
}

impl GoModule {
    /// The program's path in the cache, built first if it is not there.
    pub(crate) fn program(&self, cache: &Path, recipe: &Recipe<'_>) -> Result<PathBuf> {
        let entry = self.entry(cache)?;
        let target = entry.folder.join(recipe.name);
        if target.is_file() {
            return Ok(target);
        }
        let _lock = entry.lock()?;
        if !target.is_file() {
            let partial = entry.folder.join(format!("{}.partial", recipe.name));
            self.build(recipe, &entry.version, &partial)?;
            fs::rename(&partial, &target).with_context(|| format!("failed to place {}", target.display()))?;
        }
        Ok(target)
    }

    /// A copy in the cache of one folder of the module's own source.
    pub(crate) fn folder(&self, cache: &Path, inside: &str) -> Result<PathBuf> {
        let entry = self.entry(cache)?;
        let target = entry.folder.join("files");
        if target.is_dir() {
            return Ok(target);
        }
        let _lock = entry.lock()?;
        if !target.is_dir() {
            let partial = entry.folder.join("files.partial");
            copy_files(&self.download()?.join(inside), &partial)?;
            fs::rename(&partial, &target).with_context(|| format!("failed to place {}", target.display()))?;
        }
        Ok(target)
    }

    fn source(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join(self.folder)
    }

    /// The programs of ours that lie there, if any.
    fn programs(&self) -> Result<Vec<String>> {
        let source = self.source();
        let files: Result<Vec<_>, _> = fs::read_dir(&source)
            .with_context(|| format!("failed to read {}", source.display()))?
            .map(|file| Ok::<_, std::io::Error>(file?.path()))
            .collect();
        let mut files = files?;
        files.retain(|path| path.extension().is_some_and(|extension| extension == "go"));
        files.sort();
        files.iter().map(|path| Ok(fs::read_to_string(path)?)).collect()
    }

    /// Named by the pinned version for people, and by a hash of all files, so that any change is another folder.
    fn entry(&self, cache: &Path) -> Result<Entry> {
        let read = |file: &str| {
            let path = self.source().join(file);
            fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))
        };
        let (go_mod, go_sum) = (read("go.mod")?, read("go.sum")?);
        let version = required_version(&go_mod, self.path)
            .with_context(|| format!("{}/go.mod does not require {}", self.name, self.path))?;
        let mut hasher = DefaultHasher::new();
        (&go_mod, &go_sum).hash(&mut hasher);
        self.programs()?.iter().for_each(|program| program.hash(&mut hasher));
        let folder = cache.join(format!("{}-{version}-{:016x}", self.name, hasher.finish()));
        fs::create_dir_all(&folder).with_context(|| format!("failed to create {}", folder.display()))?;
        Ok(Entry { folder, version: version.to_owned() })
    }

    fn build(&self, recipe: &Recipe<'_>, version: &str, output: &Path) -> Result<()> {
        eprintln!("{}: building {version} from its Go module", recipe.name);
        let began = Instant::now();
        let child = self
            .go(&["build", "-trimpath", NO_DEBUG_INFO, NO_INLINING, "-ldflags", &link_flags(version), "-o"])
            .arg(output)
            .arg(recipe.package)
            .spawn()
            .context("failed to start go: install Go 1.26 or newer, or set KUBEBUILDER_ASSETS")?;
        let status = watched(child, recipe.name, began)?;
        ensure!(status.success(), "go build of {} ended with {status}", recipe.package);
        eprintln!("{}: built in {} s", recipe.name, began.elapsed().as_secs());
        Ok(())
    }

    /// Where Go keeps the module's source, downloaded and checked against `go.sum` first.
    fn download(&self) -> Result<PathBuf> {
        eprintln!("{}: downloading its Go module", self.name);
        let output = self
            .go(&["mod", "download", "-json", self.path])
            .stderr(Stdio::inherit())
            .output()
            .context("failed to start go: install Go 1.26 or newer")?;
        let answer = String::from_utf8_lossy(&output.stdout);
        ensure!(
            output.status.success(),
            "go mod download of {} ended with {}: {answer}",
            self.path,
            output.status
        );
        let folder =
            answer.lines().find_map(|line| line.trim().strip_prefix("\"Dir\": \"")?.strip_suffix("\","));
        folder.map(PathBuf::from).with_context(|| format!("go mod download named no folder: {answer}"))
    }

    fn go(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("go");
        command.current_dir(self.source()).args(arguments).env("CGO_ENABLED", "0").stdin(Stdio::null());
        if std::env::var_os("GOGC").is_none() {
            command.envs(RARE_COLLECTIONS);
        }
        command
    }
}

struct Entry {
    folder: PathBuf,
    version: String,
}

impl Entry {
    /// Held until dropped; a second process waits here, then finds the work done.
    fn lock(&self) -> Result<File> {
        let file = File::create(self.folder.join(".lock"))?;
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => {
                eprintln!("waiting for another process that builds into {}", self.folder.display());
            }
            Err(TryLockError::Error(error)) => bail!("failed to lock {}: {error}", self.folder.display()),
        }
        file.lock()?;
        Ok(file)
    }
}

/// Without the version, clients would see v0.0.0. Libraries of Kubernetes 1.36 are numbered 0.36.
fn link_flags(version: &str) -> String {
    let version = &version.replacen("v0.", "v1.", 1);
    let mut numbers = version.trim_start_matches('v').split('.');
    let (major, minor) = (numbers.next().unwrap_or("0"), numbers.next().unwrap_or("0"));
    let set = |name: &str, value: &str| format!("-X k8s.io/component-base/version.{name}={value}");
    [
        "-s -w".to_owned(),
        set("gitVersion", version),
        set("gitMajor", major),
        set("gitMinor", minor),
        set("gitTreeState", "clean"),
    ]
    .join(" ")
}

fn required_version<'a>(go_mod: &'a str, module: &str) -> Option<&'a str> {
    go_mod.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip_while(|word| *word == "require");
        (words.next() == Some(module)).then(|| words.next().filter(|word| word.starts_with('v')))?
    })
}

/// Waits for the build, and says now and then that it still runs: the largest takes minutes.
fn watched(mut child: Child, name: &str, began: Instant) -> Result<ExitStatus> {
    let mut next_line = Duration::from_secs(20);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if began.elapsed() >= next_line {
            eprintln!("{name}: still building, {} s", next_line.as_secs());
            next_line += Duration::from_secs(20);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn copy_files(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for file in fs::read_dir(from).with_context(|| format!("failed to read {}", from.display()))? {
        let file = file?;
        if file.file_type()?.is_file() {
            fs::write(to.join(file.file_name()), fs::read(file.path())?)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_required_one_and_no_replacement() {
        let go_mod =
            "replace a.b/c => a.b/c v9\nrequire a.b/c v1.2.3 // indirect\nrequire (\n\ta.b/d v2.0.0\n)";
        assert_eq!(required_version(go_mod, "a.b/c"), Some("v1.2.3"));
        assert_eq!(required_version(go_mod, "a.b/d"), Some("v2.0.0"));
        assert_eq!(required_version(go_mod, "a.b/e"), None);
    }

    #[test]
    fn programs_say_which_version_they_are() {
        assert!(link_flags("v1.36.4").contains("gitMinor=36"));
        assert!(link_flags("v0.36.4").contains("gitVersion=v1.36.4"));
    }
}
