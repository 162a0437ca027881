//! The executor as a pod confines it: somebody without rights, on a file system that nobody can write to.
use super::{Executor, command};
use anyhow::Result;
use cluster::{postern::program, suite::skip};
use std::{fs, fs::Permissions, os::unix::fs::PermissionsExt, path::Path, process::Command};

const TOOLS: &str =
    "commands: { cat: {}, id: { argumentPatterns: ['-[ug]'] }, touch: { argumentPatterns: ['/.*'] } }";

/// A program in a mount namespace of its own, where the root is read-only, as the user of the chart without any capability.
fn confined(program: &Path) -> Command {
    let script = "mount --make-rprivate / && mount -o remount,bind,ro / && exec setpriv --reuid=65532 --regid=65532 \
                  --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs -- \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "--", "sh", "-c", script, "sh"]).arg(program);
    command
}

/// Whether this machine lets us; a user namespace that knows one user only does not.
fn may_confine() -> bool {
    confined(Path::new("true")).output().is_ok_and(|output| output.status.success())
}

#[tokio::test]
async fn it_needs_no_rights_and_no_place_to_write() -> Result<()> {
    if !may_confine() {
        return skip("this user may not become another one");
    }
    let folder = tempfile::tempdir()?;
    // Where the program lies, others may not look.
    let postern = folder.path().join("postern");
    fs::copy(program("POSTERN_BIN", "postern")?, &postern)?;
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
    let executor = Executor::launched(folder, confined(&postern), TOOLS)?;

    for (which, id) in [("-u", "65532\n"), ("-g", "65532\n")] {
        let output = executor.stream(&command("id", &[which]), Vec::new()).await?;
        assert_eq!(String::from_utf8(output)?, id);
    }
    let (_, answer) = executor.execute("touch", &["/tmp/x"], b"").await?;
    assert_eq!(answer["exitCode"], 1);
    assert!(answer["stderr"].as_str().is_some_and(|said| said.contains("Read-only file system")), "{answer}");
    let data = vec![vec![7; 1 << 20].into(); 4];
    assert_eq!(executor.stream(&command("cat", &[]), data).await?.len(), 4 << 20);
    Ok(())
}

#[tokio::test]
async fn no_program_gains_a_right_by_its_file() -> Result<()> {
    let executor = Executor::start("commands: { cat: { argumentPatterns: ['/proc/self/status'] } }")?;
    let output = executor.stream(&command("cat", &["/proc/self/status"]), Vec::new()).await?;
    let status = String::from_utf8(output)?;
    assert!(status.lines().any(|line| line == "NoNewPrivs:\t1"), "{status}");
    Ok(())
}
