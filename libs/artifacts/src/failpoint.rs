//! Steps of a pass at which tests of crashes end the process, as a crash of the machine would: with the feature `failpoints`, which
//! the tests of this workspace turn on and no published program has. Without it nothing of this is left.
//!
//! A step that is reached is looked for in the file that `POSTERN_FAILPOINT` names; if its name is there, the process gets SIGKILL.
//! What is done to the disk fails instead while that file holds `EIO` and its name, as it does on a disk that breaks.
use std::{io, time::Duration};

/// A step, in the order of a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The source answers, and nothing is stored.
    Answered,
    /// All bytes are staged, in memory or in a file.
    Staged,
    /// The staged file is whole and on the disk of a directory's store, under a name that nobody reads.
    Synced,
    /// A part of the blob is in S3, where nobody sees it.
    Sent,
    /// S3 has put the parts together, and what says that they are being sent is still there.
    Completed,
    /// The blob can be read under its own name.
    Stored,
    /// Beside it lies where it came from.
    Recorded,
    /// What falls out of the history has its note.
    Retired,
    /// There is an ExternalArtifact of that name, and its status is yet to be written.
    Introduced,
    /// The ExternalArtifact names the revision, and the source does not yet.
    Published,
    /// The status of the source names the revision.
    Told,
    /// A collector is about to remove a blob.
    Doomed,
    /// The record beside that blob is removed.
    Unrecorded,
    /// The blob is removed.
    Removed,
}

impl Step {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Answered,
        Self::Staged,
        Self::Synced,
        Self::Sent,
        Self::Completed,
        Self::Stored,
        Self::Recorded,
        Self::Retired,
        Self::Introduced,
        Self::Published,
        Self::Told,
        Self::Doomed,
        Self::Unrecorded,
        Self::Removed,
    ];
}

/// What is done to the disk of a directory's store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disk {
    /// Bytes of a blob are written.
    Write,
    /// They are brought to the disk.
    Sync,
    /// The blob gets its name.
    Rename,
}

impl Disk {
    /// All of it.
    pub const ALL: [Self; 3] = [Self::Write, Self::Sync, Self::Rename];
}

/// That is about to be done to the disk.
///
/// # Errors
/// A test has it fail.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub fn disk(_: Disk) -> io::Result<()> {
    Ok(())
}

/// The pass has reached that step.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub fn reached(_: Step) {}

/// How long collectors wait, where they usually do so for that long.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub fn grace(usual: Duration) -> Duration {
    usual
}

#[cfg(feature = "failpoints")]
pub use armed::{disk, grace, reached};

#[cfg(feature = "failpoints")]
mod armed {
    use super::{Disk, Duration, Step, io};
    use rustix::process::{Signal, getpid, kill_process};
    use std::{env, fs, path::PathBuf, sync::LazyLock};

    /// What says what is to happen.
    static FILE: LazyLock<Option<PathBuf>> =
        LazyLock::new(|| env::var_os("POSTERN_FAILPOINT").map(PathBuf::from));

    /// Whether that is what it says.
    fn is_armed(with: &str) -> bool {
        let armed = FILE.as_ref().and_then(|file| fs::read_to_string(file).ok());
        armed.is_some_and(|armed| armed.trim() == with)
    }

    /// Every step, set up once.
    static STEPS: LazyLock<()> = LazyLock::new(|| {
        if FILE.is_none() {
            return;
        }
        for step in Step::ALL {
            let name = format!("{step:?}");
            let kill = move || {
                if is_armed(&name) {
                    kill_process(getpid(), Signal::KILL).expect("a process may signal itself");
                }
            };
            fail::cfg_callback(format!("{step:?}"), kill).expect("a callback is an action");
        }
    });

    /// The pass has reached that step.
    pub fn reached(step: Step) {
        LazyLock::force(&STEPS);
        fail::fail_point!(&format!("{step:?}"));
    }

    /// That is about to be done to the disk.
    pub fn disk(at: Disk) -> io::Result<()> {
        match is_armed(&format!("EIO {at:?}")) {
            true => Err(io::Error::from(rustix::io::Errno::IO)),
            false => Ok(()),
        }
    }

    /// How long collectors wait, where they usually do so for that long: a test need not wait for minutes.
    pub fn grace(usual: Duration) -> Duration {
        let given = env::var("POSTERN_FAILPOINT_GRACE_MS").ok();
        given.and_then(|given| given.parse().ok()).map_or(usual, Duration::from_millis)
    }
}
