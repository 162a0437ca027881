//! What goes wrong with hooks, in words that hold nothing of what went through them.
use crds::reasons;
use hooks::protocol::Ended;
use std::fmt;

/// Which list a hook is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// `spec.hooks.preRequest`
    PreRequest,
    /// `spec.hooks.postRequest`
    PostRequest,
}

/// A hook that failed and whose policy lets that pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// Which list it is in.
    pub list: List,
    /// Its name.
    pub hook: String,
    /// What went wrong.
    pub why: String,
}

/// Why a hook failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HookFailure {
    /// The command came to no good end.
    #[error("{0}")]
    Command(hooks::Error),
    /// What it wrote is no request.
    #[error("it wrote neither a request as JSON nor a JSON patch of one")]
    NoRequest,
    /// Its patch is about something else.
    #[error("its JSON patch does not fit the request")]
    Patch,
    /// What it asks for breaks a rule.
    #[error("the request that it asks for breaks the rule of {field}")]
    Rule {
        /// The field of the spec that has the rule.
        field: String,
    },
    /// A header cannot be sent.
    #[error("a header that it asks for cannot be sent: {problem}")]
    Header {
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl HookFailure {
    /// The reason for conditions, events and metrics; one of [`crds::reasons`].
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Command(hooks::Error::Denied) => reasons::HOOK_NOT_ALLOWED,
            Self::Command(hooks::Error::Ended(Ended::TimedOut)) => reasons::HOOK_TIMED_OUT,
            _ => reasons::HOOK_FAILED,
        }
    }

    /// Whether the executor refuses what our own whitelist admits: each reads the file when it does, so one of them is
    /// about to see what the other has seen.
    pub(crate) fn is_disagreement(&self) -> bool {
        matches!(self, Self::Command(hooks::Error::Denied))
    }

    /// Whether running it once more may end better.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Command(error) => error.may_pass(),
            _ => true,
        }
    }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PreRequest => "preRequest",
            Self::PostRequest => "postRequest",
        })
    }
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { list, hook, why } = self;
        write!(f, "{list} hook {hook} failed and is ignored: {why}")
    }
}
