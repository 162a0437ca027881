//! What the operator allows: from flags, and from files that are read again.
use crate::{flags::Flags, role::Role};
use crds::allowed_hosts::AllowedHosts;
use hooks::Whitelist;
use installation::{Live, OfFile, Policies, Reload};
use std::{future::pending, path::Path};
use telemetry::metrics::Registry;
use tokio_util::sync::CancellationToken;

/// What is allowed, and who reads the files again.
pub(crate) struct Followed {
    pub(crate) policies: Policies,
    commands: Option<Reload<Whitelist>>,
    hosts: Option<Reload<AllowedHosts>>,
}

impl Followed {
    /// Nothing is read where the role asks nothing about it.
    pub(crate) async fn start(role: Role, flags: &Flags, registry: &mut Registry) -> anyhow::Result<Self> {
        let asks = role.admits() || role.reconciles();
        let whitelist = flags.hooks.whitelist.as_deref().filter(|_| asks);
        let allowed = flags.policies.allowed_hosts_file.as_deref().filter(|_| asks);
        let (commands, whitelist) = begun(whitelist, registry).await?;
        let (hosts, allowed) = begun(allowed, registry).await?;
        let must_verify = !flags.policies.allow_insecure_skip_verify;
        let policies = Policies { commands, hosts, must_verify };
        Ok(Self { policies, commands: whitelist, hosts: allowed })
    }

    /// Follows the files until `shutdown`.
    pub(crate) async fn follow(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let (commands, hosts) = (run(self.commands), run(self.hosts));
        let both = async { tokio::join!(commands, hosts) };
        shutdown.run_until_cancelled(both).await;
        Ok(())
    }
}

/// Never ends: a role that follows no file serves on.
async fn run<T: OfFile>(reload: Option<Reload<T>>) {
    match reload {
        Some(reload) => reload.run().await,
        None => pending().await,
    }
}

async fn begun<T: OfFile>(
    path: Option<&Path>,
    registry: &mut Registry,
) -> anyhow::Result<(Option<Live<T>>, Option<Reload<T>>)> {
    let Some(path) = path else { return Ok((None, None)) };
    let (live, reload) = Reload::start(path, registry).await?;
    Ok((Some(live), Some(reload)))
}
