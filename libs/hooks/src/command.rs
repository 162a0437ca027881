//! What one run consists of.
use std::{collections::BTreeMap, fmt, time::Duration};

/// A command with everything that it runs with, but for its input.
#[derive(Clone, PartialEq, Eq)]
pub struct Command {
    /// The program: a path, or a name to be found in the executor's folders.
    pub program: String,
    /// Its arguments, handed over one by one: no shell ever reads them.
    pub args: Vec<String>,
    /// All of its environment.
    pub env: BTreeMap<String, String>,
    /// Longest time that it may run.
    pub timeout: Duration,
}

/// Shows the program and nothing else: arguments and environment may hold secrets.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command").field("program", &self.program).finish_non_exhaustive()
    }
}
