//! Hooks: the flags of who asks for commands, and of who runs them.
use super::{LogFlags, value};
use crate::size::Size;
use clap::Args;
use hooks::{Address, Client};
use std::{num::NonZeroU16, path::PathBuf};

/// Hooks. Both flags together enable them.
#[derive(Debug, Args)]
#[command(next_help_heading = "Hooks")]
pub(crate) struct HookFlags {
    /// Where `postern hook-executor` listens: unix:///path/of/a/socket or http://127.0.0.1:PORT. Hooks are admitted where
    /// this and --hook-whitelist are given
    #[arg(
        long = "hook-executor",
        env = "POSTERN_HOOK_EXECUTOR",
        value_name = "ADDRESS",
        requires = "whitelist"
    )]
    pub(crate) executor: Option<Address>,
    /// The commands that hooks may run; the same file as the executor's. Read again whenever it changes
    #[arg(
        long = "hook-whitelist",
        env = "POSTERN_HOOK_WHITELIST",
        value_name = "FILE",
        requires = "executor"
    )]
    pub(crate) whitelist: Option<PathBuf>,
    /// A file with the token that the executor wants
    #[arg(
        long = "hook-token-file",
        env = "POSTERN_HOOK_TOKEN_FILE",
        value_name = "FILE",
        requires = "executor"
    )]
    pub(crate) token: Option<PathBuf>,
}

impl HookFlags {
    /// Who asks the executor, where there is one.
    pub(crate) fn client(&self) -> Option<Client> {
        self.executor.clone().map(|executor| Client::new(executor, self.token.clone()))
    }
}

/// The executor. Its own flags have no variables: kubelet sets `POSTERN_PORT` for a Service called postern.
#[derive(Debug, Args)]
pub(crate) struct ExecutorFlags {
    /// The commands that may run, with patterns for their arguments. Read again whenever it changes
    #[arg(long, value_name = "FILE", default_value = "/etc/hooks/whitelist.yaml")]
    pub(crate) whitelist: PathBuf,
    /// The port of 127.0.0.1 to listen on
    #[arg(long, value_name = "PORT", default_value_t = 8081, conflicts_with = "socket")]
    pub(crate) port: u16,
    /// The Unix socket to listen on instead
    #[arg(long, value_name = "FILE")]
    pub(crate) socket: Option<PathBuf>,
    /// A file with the token that clients must show. Read for each request
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// How many commands may run at once
    #[arg(long, value_name = "NUMBER", default_value = "16", value_parser = value::count)]
    pub(crate) concurrency: NonZeroU16,
    /// The most that a command may write
    #[arg(long, value_name = "SIZE", default_value = "100Mi")]
    pub(crate) max_output: Size,
    /// The most memory that a command may address
    #[arg(long, value_name = "SIZE", default_value = "1Gi")]
    pub(crate) max_memory: Size,
    #[command(flatten)]
    pub(crate) logs: LogFlags,
}
