//! Bridges need `CAP_NET_ADMIN`. Who lacks it gets a user and network namespace of their own, where the kernel allows.
use crate::{control_plane, directory::Directory};
use anyhow::{Context, Result, ensure};
use std::{
    fs::Permissions,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::Path,
    process::{Command, Stdio},
};

/// Says that this process was already put into namespaces that are not its user's first.
const INSIDE: &str = "POSTERN_OWN_NAMESPACES";
const CAP_NET_ADMIN: u32 = 12;

/// Whether this process lives in namespaces that [`ensure_network_admin`] made.
pub fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Returns if this process may create a bridge; else replaces it by itself inside namespaces where it may: those of the
/// cluster that runs in this folder, or new ones.
///
/// # Errors
/// The kernel does not allow unprivileged namespaces; the message says what to do.
pub fn ensure_network_admin(directory: &Directory) -> Result<()> {
    if is_network_admin()? {
        return Ok(());
    }
    ensure!(
        !is_inside(),
        "a network namespace of its own does not allow to create a bridge: run this as root"
    );
    let mut entrance = match control_plane::etcd_pid(directory) {
        Some(pid) => enter(pid),
        None => unshare()?,
    };
    let program = std::env::current_exe().context("this program cannot find itself")?;
    let error = entrance.arg(program).args(std::env::args_os().skip(1)).env(INSIDE, "1").exec();
    Err(error).context("failed to enter a network namespace: install util-linux")
}

/// In a new network namespace even loopback is down.
///
/// # Errors
/// `ip` fails.
pub fn raise_loopback() -> Result<()> {
    if is_inside() {
        let status = Command::new("ip").args(["link", "set", "dev", "lo", "up"]).status();
        ensure!(status.context("failed to run ip: install iproute2")?.success(), "failed to raise loopback");
    }
    Ok(())
}

/// Writes a script that runs a program where the cluster's addresses exist, for people who stand outside.
pub(crate) fn write_entrance(directory: &Directory, program: &Path, script: &Path) -> Result<()> {
    let etcd = directory.file("pids").join("etcd.pid");
    let (etcd, program) = (etcd.display(), program.display());
    let text = format!(
        "#!/bin/sh\n\
         [ -n \"${INSIDE}\" ] && exec '{program}' \"$@\"\n\
         exec nsenter --user --net --preserve-credentials --target \"$(cat '{etcd}')\" -- '{program}' \"$@\"\n"
    );
    directory.write(script, text)?;
    std::fs::set_permissions(script, Permissions::from_mode(0o700))
        .context("failed to make a script executable")
}

/// Runs what is appended in new namespaces.
fn unshare() -> Result<Command> {
    let command = || {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--net", "--"]);
        command
    };
    let allowed = command().arg("true").stderr(Stdio::null()).status().is_ok_and(|status| status.success());
    ensure!(
        allowed,
        "creating a network bridge needs root, and this kernel gives users no namespaces of their own: run this as root, \
         or set sysctl kernel.unprivileged_userns_clone=1 or kernel.apparmor_restrict_unprivileged_userns=0"
    );
    Ok(command())
}

/// Runs what is appended in the namespaces of a running process.
fn enter(pid: i32) -> Command {
    let mut command = Command::new("nsenter");
    command.args(["--user", "--net", "--preserve-credentials", "--target", &pid.to_string(), "--"]);
    command
}

fn is_network_admin() -> Result<bool> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let effective =
        status.lines().find_map(|line| line.strip_prefix("CapEff:")).context("no CapEff in /proc")?;
    let effective = u64::from_str_radix(effective.trim(), 16)?;
    Ok(effective & (1 << CAP_NET_ADMIN) != 0)
}
