//! How many files and sockets this process may have open.
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tracing::warn;

/// Takes all that the machine grants, as programs in Go do by themselves: the 1,024 that shells start with are for programs
/// that use `select`, and a few hundred silent strangers would use them up.
pub(crate) fn raise_limit() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE).and_then(|(soft, hard)| {
        if soft < hard { setrlimit(Resource::RLIMIT_NOFILE, hard, hard) } else { Ok(()) }
    });
    if let Err(error) = raised {
        warn!(%error, "failed to raise the limit of open files");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_granted_is_taken() {
        raise_limit();
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        assert_eq!(soft, hard);
    }
}
