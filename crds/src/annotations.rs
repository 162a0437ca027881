//! Annotations that mean something to us.

/// Asks for a pass right now (a convention of Flux). Any new value does; `status.lastHandledReconcileAt` shows the one
/// whose pass has ended. On the ExternalArtifact it does the same, and `status.lastHandledArtifactReconcileAt` shows it.
pub const REQUESTED_AT: &str = "reconcile.fluxcd.io/requestedAt";

/// On the Lease of a controller that works on some sources only: the label selector that says on which.
pub const WATCH_LABEL_SELECTOR: &str = "postern.dev/watch-label-selector";

/// On the Lease of a controller that can be asked by other processes: where, as in `10.1.2.3:9444`. Whoever reads it believes only the
/// certificate of who answers there.
pub const ADDRESS: &str = "postern.dev/address";
