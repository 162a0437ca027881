//! Where the files of a run lie: on a file system of its own where that can be, with a journal as the disks of clusters have.
//!
//! Where ext4 has none, it looks, for each file that is created, at every inode that was freed in the last minutes, and passes
//! it over (`recently_deleted` in the kernel). What one part removes would then slow the next ones, by amounts that vary.
//!
//! The file system lies in an image beside the program, and is mounted where this process and its children alone see it: however
//! the run ends, nothing stays mounted once its servers are gone. The image stays when a part failed, for a look at its logs.
//! The next run ends what still lives in it, and removes it.
use anyhow::{Context, Error, Result, ensure};
use cluster::{Directory, cluster::stop};
use nix::sched::{CloneFlags, unshare};
use std::{
    fmt, fs,
    io::{self, ErrorKind},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
};

/// Sparse: what is never written takes no room.
const SIZE: u64 = 16 << 30;

/// Who sees what this process mounts.
pub(crate) enum Mounts {
    /// This process and what it starts. They go with the last of them.
    Own,
    /// Everybody, so it mounts nothing. This is why.
    Shared(Error),
}

impl Mounts {
    /// From now on its own, where the kernel allows. Threads that run already would not take part.
    pub(crate) fn enter() -> Self {
        let own = || {
            unshare(CloneFlags::CLONE_NEWNS).context("this process may not mount")?;
            // What others mount and unmount is still seen here, and keeps nothing busy.
            run("mount", ["--make-rslave", "/"])
        };
        own().map_or_else(Self::Shared, |_| Self::Own)
    }
}

/// Where the files of this run lie.
pub(crate) struct Disk {
    folder: PathBuf,
    image: Option<PathBuf>,
}

impl Disk {
    /// An empty folder, once what an earlier run left was ended and removed. Says so where it is no file system of its own.
    ///
    /// # Errors
    /// Something of an earlier run does not end, or cannot be removed.
    pub(crate) async fn prepare(folder: PathBuf, cluster: &Directory, mounts: Mounts) -> Result<Self> {
        let image = folder.with_file_name("bench-disk.img");
        stop(cluster).await?;
        if image.exists() {
            end_inside(&image, &folder, cluster, &mounts).await?;
            fs::remove_file(&image).context("failed to remove the image of an earlier run")?;
        }
        // What lies there could be taken for the cluster of this run by who does not see what is mounted over it.
        if !is_mounted(&folder) {
            absent_is_fine(fs::remove_dir_all(&folder))
                .context("failed to remove what an earlier run left")?;
        }
        fs::create_dir_all(&folder).with_context(|| format!("failed to create {}", folder.display()))?;
        let laid_out = match mounts {
            Mounts::Own => lay_out(&image, &folder),
            Mounts::Shared(why) => Err(why),
        };
        if let Err(why) = &laid_out {
            eprintln!(
                "no file system of its own for this run, which goes on in {}: {why:#}",
                folder.display()
            );
        }
        Ok(Self { folder, image: laid_out.is_ok().then_some(image) })
    }

    /// The folder of this run.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What it is, for the page.
    pub(crate) fn describe(&self) -> Result<String> {
        let file_system = FileSystem::of(&self.folder)?;
        let whose = if self.image.is_some() { "in an image of its own" } else { "the machine's own" };
        Ok(format!("{file_system}, {whose}"))
    }

    /// Where a person finds what a run has left.
    pub(crate) fn whereabouts(&self) -> String {
        match &self.image {
            Some(image) => {
                let image = image.display();
                format!("until the next run its files are in {image}: `mount --options loop {image} /mnt`")
            }
            None => format!("until the next run its files are in {}", self.folder.display()),
        }
    }

    /// Removes everything.
    pub(crate) fn remove(self) -> Result<()> {
        if let Some(image) = &self.image {
            unmount(&self.folder)?;
            fs::remove_file(image).with_context(|| format!("failed to remove {}", image.display()))?;
        }
        fs::remove_dir_all(&self.folder).context("failed to remove what the run left")
    }
}

/// What the kernel says of a file system.
struct FileSystem {
    kind: String,
    /// Unknown of all but ext4.
    journal: Option<bool>,
    /// Bytes that can be written yet.
    free: u64,
}

impl FileSystem {
    /// The one that a file or folder lies on.
    fn of(path: &Path) -> Result<Self> {
        let columns = ["--noheadings", "--raw", "--bytes", "--output", "FSTYPE,MAJ:MIN,AVAIL", "--target"];
        let found = run("findmnt", columns.map(Path::new).into_iter().chain([path]))?;
        let mut fields = found.split_whitespace();
        let mut next = || fields.next().with_context(|| format!("findmnt says {found:?}"));
        let (kind, device, free) = (next()?.to_owned(), next()?, next()?.parse()?);
        let journal = if kind == "ext4" { journal_of(device) } else { None };
        Ok(Self { kind, journal, free })
    }
}

impl fmt::Display for FileSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let journal = match self.journal {
            None => "",
            Some(true) => " with a journal",
            Some(false) => {
                " without a journal (creating files is slow for minutes after others were deleted)"
            }
        };
        write!(f, "{}{journal}", self.kind)
    }
}

/// Whether the ext4 on that device, by its numbers, has a journal: then its options name what goes through it.
fn journal_of(device: &str) -> Option<bool> {
    let device = fs::read_link(format!("/sys/dev/block/{device}")).ok()?;
    let options = Path::new("/proc/fs/ext4").join(device.file_name()?).join("options");
    Some(fs::read_to_string(options).ok()?.lines().any(|option| option.starts_with("data=")))
}

/// Ends the servers of a run that was killed: they still have its image mounted, where this process does not see it. What is
/// mounted here is the same file system, by the same device.
async fn end_inside(image: &Path, folder: &Path, cluster: &Directory, mounts: &Mounts) -> Result<()> {
    let Mounts::Own = mounts else { return Ok(()) };
    let list = ["--noheadings", "--output", "NAME", "--associated"];
    let devices = run("losetup", list.map(Path::new).into_iter().chain([image]))?;
    for device in devices.lines() {
        fs::create_dir_all(folder)?;
        run("mount", [Path::new(device.trim()), folder])?;
        let stopped = stop(cluster).await;
        unmount(folder)?;
        stopped.context("failed to end what an earlier run left")?;
    }
    Ok(())
}

/// Makes an image with a file system and mounts it on the folder; where that fails, nothing is left of it.
fn lay_out(image: &Path, folder: &Path) -> Result<()> {
    ensure!(!is_mounted(folder), "one is mounted there already");
    let free = FileSystem::of(folder)?.free;
    ensure!(free >= SIZE, "of {} GiB that it may need, {} are free", SIZE >> 30, free >> 30);
    let mounted = fs::File::create(image)
        .and_then(|file| file.set_len(SIZE))
        .with_context(|| format!("failed to create {}", image.display()))
        .and_then(|()| format(image))
        .and_then(|()| run("mount", ["--options".as_ref(), "loop".as_ref(), image, folder]));
    if mounted.is_err() {
        absent_is_fine(fs::remove_file(image))?;
    }
    mounted.map(drop)
}

/// All at once: the kernel would otherwise write tables in the background, beside what is measured.
fn format(image: &Path) -> Result<()> {
    let options = ["-q", "-O", "has_journal", "-E", "lazy_itable_init=0,lazy_journal_init=0"];
    run("mkfs.ext4", options.map(Path::new).into_iter().chain([image])).map(drop)
}

/// What still has a file open there keeps it for itself until it ends.
fn unmount(folder: &Path) -> Result<()> {
    run("umount", ["--lazy".as_ref(), folder]).map(drop)
}

/// Whether something is mounted right there.
fn is_mounted(folder: &Path) -> bool {
    let device = |path: &Path| fs::metadata(path).map(|meta| meta.dev()).ok();
    let (own, parent) = (device(folder), folder.parent().and_then(device));
    own.is_some() && own != parent
}

/// Runs a program, and returns what it says.
fn run<A: AsRef<Path>>(program: &str, arguments: impl IntoIterator<Item = A>) -> Result<String> {
    let arguments = arguments.into_iter().map(|argument| argument.as_ref().as_os_str().to_owned());
    let output = Command::new(program).args(arguments).output();
    let output = output.with_context(|| format!("failed to run {program}"))?;
    let why = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} failed: {}", why.trim());
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    fn shown(kind: &str, journal: Option<bool>) -> String {
        FileSystem { kind: kind.to_owned(), journal, free: SIZE }.to_string()
    }

    #[test]
    fn only_what_is_known_is_said_of_a_file_system() {
        assert_eq!(shown("xfs", None), "xfs");
        assert_eq!(shown("ext4", None), "ext4");
        assert_eq!(shown("ext4", Some(true)), "ext4 with a journal");
        assert!(shown("ext4", Some(false)).starts_with("ext4 without a journal ("));
    }

    #[test]
    fn an_image_has_a_journal_and_is_seen_by_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let (image, inside) = (folder.path().join("image"), folder.path().join("inside"));
        fs::create_dir(&inside).unwrap();
        let (there, file) = (inside.clone(), inside.join("file"));
        // Mounts belong to threads, and go with them.
        let mounted = thread::spawn(move || {
            let Mounts::Own = Mounts::enter() else { anyhow::bail!("needs the right to mount") };
            lay_out(&image, &there)?;
            fs::write(there.join("file"), "x")?;
            FileSystem::of(&there)
        });
        match mounted.join().unwrap() {
            Ok(found) => assert_eq!(found.to_string(), "ext4 with a journal"),
            Err(why) => println!("skipped: {why:#}"),
        }
        assert!(!file.exists() && !is_mounted(&inside));
    }
}
