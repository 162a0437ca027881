//! Programs that run what they are told: whoever may start one may start anything.

const NAMES: &[&str] = &[
    "ash", "awk", "bash", "busybox", "curl", "dash", "deno", "ed", "emacs", "env", "ex", "expect", "find",
    "fish", "gawk", "gdb", "git", "go", "java", "ksh", "lua", "make", "mawk", "nawk", "nc", "ncat", "node",
    "nohup", "openssl", "perl", "php", "python", "rsync", "ruby", "sed", "setsid", "sh", "socat", "ssh",
    "stdbuf", "su", "sudo", "tar", "tclsh", "timeout", "toybox", "vi", "vim", "wget", "xargs", "zsh",
];

/// Whether that command is one, whatever its folder and version.
pub(super) fn is_one(command: &str) -> bool {
    let name = command.rsplit('/').next().unwrap_or(command);
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    NAMES.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_or_a_folder_hides_no_interpreter() {
        for command in ["sh", "/bin/bash", "python3", "/usr/bin/python3.12", "lua5.4", "busybox"] {
            assert!(is_one(command), "{command}");
        }
        for command in ["jq", "yq", "/usr/bin/cat", "shred", "bashful"] {
            assert!(!is_one(command), "{command}");
        }
    }
}
