//! Where a command's program lies, and that it gains nothing by being what it is. Whoever asks has no say in it: a hook's `PATH`
//! is never looked at.
use nix::sys::prctl::set_no_new_privs;
use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// From now on, no program that this thread, its threads or their children run has more rights than they have, whatever set-user-ID or
/// file capabilities say (`PR_SET_NO_NEW_PRIVS` of prctl(2)). Call it before any thread starts.
///
/// # Errors
/// The kernel refuses.
pub fn forgo_privileges() -> io::Result<()> {
    Ok(set_no_new_privs()?)
}

/// Where names without a folder are looked for.
const FOLDERS: [&str; 3] = ["/usr/local/bin", "/usr/bin", "/bin"];

/// The program of that name or path; `None` if there is none that can be run.
pub(crate) fn find(command: &str) -> Option<PathBuf> {
    let runs = |path: &Path| {
        fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    if command.contains('/') {
        return Some(PathBuf::from(command)).filter(|path| path.is_absolute() && runs(path));
    }
    FOLDERS.iter().map(|folder| Path::new(folder).join(command)).find(|path| runs(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_and_a_relative_path_is_not() {
        assert!(find("cat").is_some_and(|path| path.is_absolute()));
        assert_eq!(find("/bin/cat"), Some("/bin/cat".into()));
        for none in ["", ".", "..", "./cat", "bin/cat", "no-such-program", "/bin", "/etc/passwd"] {
            assert_eq!(find(none), None, "{none:?}");
        }
    }
}
