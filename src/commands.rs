//! The commands that hooks may run here, where the flags enable hooks.
use crate::{flags::HookFlags, role::Role};
use hooks::whitelist::{Live, Reload};
use telemetry::metrics::Registry;
use tokio_util::sync::CancellationToken;

/// The whitelist, and who reads it again.
pub(crate) struct Commands {
    pub(crate) whitelist: Live,
    reload: Reload,
}

impl Commands {
    /// `None` where hooks are not enabled, or the role asks nothing about them.
    pub(crate) async fn start(
        role: Role,
        flags: &HookFlags,
        registry: &mut Registry,
    ) -> anyhow::Result<Option<Self>> {
        let Some(path) = flags.whitelist.as_ref().filter(|_| role.admits() || role.reconciles()) else {
            return Ok(None);
        };
        let (whitelist, reload) = Reload::start(path, registry).await?;
        Ok(Some(Self { whitelist, reload }))
    }

    /// Follows the file until `shutdown`.
    pub(crate) async fn follow(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        shutdown.run_until_cancelled(self.reload.run()).await;
        Ok(())
    }
}
