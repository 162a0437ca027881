//! Steps of a pass at which tests of crashes end the process, as a crash of the machine would: with the feature `failpoints`, which
//! the tests of this workspace turn on and no published program has. Without it nothing of this is left.
//!
//! A step that is reached is looked for in the file that `POSTERN_FAILPOINT` names; if its name is there, the process gets SIGKILL.
use std::time::Duration;

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
pub use armed::{grace, reached};

#[cfg(feature = "failpoints")]
mod armed {
    use super::{Duration, Step};
    use rustix::process::{Signal, getpid, kill_process};
    use std::{env, fs, path::PathBuf, sync::LazyLock};

    /// Every step, set up once.
    static STEPS: LazyLock<()> = LazyLock::new(|| {
        let Some(file) = env::var_os("POSTERN_FAILPOINT").map(PathBuf::from) else { return };
        for step in Step::ALL {
            let (file, name) = (file.clone(), format!("{step:?}"));
            let kill = move || {
                if fs::read_to_string(&file).is_ok_and(|armed| armed.trim() == name) {
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

    /// How long collectors wait, where they usually do so for that long: a test need not wait for minutes.
    pub fn grace(usual: Duration) -> Duration {
        let given = env::var("POSTERN_FAILPOINT_GRACE_MS").ok();
        given.and_then(|given| given.parse().ok()).map_or(usual, Duration::from_millis)
    }
}
