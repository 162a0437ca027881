//! `postern hook-executor`: runs the commands of hooks until it is told to stop.
use crate::flags::ExecutorFlags;
use anyhow::Context as _;
use hook_executor::{Executor, Limits, Listener, Options};
use hooks::Whitelist;
use installation::Reload;
use std::sync::Arc;
use telemetry::metrics;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

/// Runs until SIGTERM or SIGINT.
pub(crate) async fn run(flags: &ExecutorFlags) -> anyhow::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut registry = metrics::registry(env!("CARGO_PKG_VERSION"));
    let (whitelist, reload) =
        Reload::<Whitelist>::start(&flags.whitelist, metrics::postern(&mut registry)).await?;
    let options = Options {
        whitelist,
        limits: Limits { output: flags.max_output.0, memory: flags.max_memory.0 },
        concurrency: flags.concurrency.get().into(),
        token: flags.token_file.clone(),
    };
    let executor = Arc::new(Executor::new(options, registry).context("failed to become a subreaper")?);
    let listener = listen(flags).await?;
    announce(flags, &listener);
    tokio::select! {
        () = listener.serve(Arc::clone(&executor)) => {}
        () = reload.run() => {}
        () = executor.tidy() => {}
        _ = terminate.recv() => info!(signal = "SIGTERM", "stopping"),
        _ = interrupt.recv() => info!(signal = "SIGINT", "stopping"),
    }
    executor.stop();
    Ok(())
}

async fn listen(flags: &ExecutorFlags) -> anyhow::Result<Listener> {
    match &flags.socket {
        Some(path) => {
            Listener::unix(path).with_context(|| format!("failed to listen on {} (--socket)", path.display()))
        }
        None => Listener::loopback(flags.port)
            .await
            .with_context(|| format!("failed to listen on 127.0.0.1:{} (--port)", flags.port)),
    }
}

fn announce(flags: &ExecutorFlags, listener: &Listener) {
    info!(
        version = env!("CARGO_PKG_VERSION"),
        address = listener.address().map(tracing::field::display),
        socket = flags.socket.as_ref().map(|path| tracing::field::display(path.display())),
        whitelist = %flags.whitelist.display(),
        "executing hooks"
    );
    if flags.socket.is_none() && flags.token_file.is_none() {
        warn!("whatever runs beside this process may run commands, give a --token-file or a --socket");
    }
}
