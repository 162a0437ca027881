//! Readiness is the conjunction of gates, one for each thing that must be in place before requests are welcome.
use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

/// Hands out gates, and is ready while every one of them is open. Clones share the same gates.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    gates: Arc<Mutex<Vec<Gate>>>,
}

/// One condition of readiness, held by whoever knows whether it is met. Closed at first; clones are the same gate.
#[derive(Clone, Debug)]
pub struct Gate {
    name: &'static str,
    open: Arc<AtomicBool>,
}

impl Readiness {
    /// A new, closed gate. From now on readiness waits for it.
    pub fn gate(&self, name: &'static str) -> Gate {
        let gate = Gate { name, open: Arc::new(AtomicBool::new(false)) };
        self.lock().push(gate.clone());
        gate
    }

    /// Whether every gate is open.
    pub fn is_ready(&self) -> bool {
        self.lock().iter().all(Gate::is_open)
    }

    /// The names of the closed gates, in the order in which they were made.
    pub fn unready(&self) -> Vec<&'static str> {
        self.lock().iter().filter(|gate| !gate.is_open()).map(|gate| gate.name).collect()
    }

    /// Every gate and whether it is open, in the order in which they were made.
    pub fn gates(&self) -> Vec<(&'static str, bool)> {
        self.lock().iter().map(|gate| (gate.name, gate.is_open())).collect()
    }

    /// A panic elsewhere cannot leave the list half changed, so a poisoned lock is as good as any.
    fn lock(&self) -> MutexGuard<'_, Vec<Gate>> {
        self.gates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gate {
    /// The condition is met.
    pub fn open(&self) {
        self.set(true);
    }

    /// The condition is no longer met.
    pub fn close(&self) {
        self.set(false);
    }

    fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    fn set(&self, open: bool) {
        if self.open.swap(open, Ordering::AcqRel) != open {
            tracing::debug!(gate = self.name, open, "readiness gate changed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_ready_only_while_every_gate_is_open() {
        let readiness = Readiness::default();
        let (certificate, caches) = (readiness.gate("certificate"), readiness.gate("caches"));
        assert_eq!(readiness.unready(), ["certificate", "caches"]);
        certificate.open();
        assert_eq!((readiness.unready(), readiness.is_ready()), (vec!["caches"], false));
        caches.open();
        assert!(readiness.is_ready());
        certificate.close();
        assert_eq!(readiness.unready(), ["certificate"]);
    }

    #[test]
    fn a_gate_stays_as_it_was_when_its_holder_is_gone() {
        let readiness = Readiness::default();
        readiness.gate("listeners").open();
        assert!(readiness.is_ready());
    }

    #[test]
    fn nothing_to_wait_for_is_ready() {
        assert!(Readiness::default().is_ready());
    }
}
