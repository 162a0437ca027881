//! Readiness is a conjunction, one condition for each thing that must be in place before requests are welcome.
use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// All conditions, each of which must be met. Clones share them.
#[derive(Clone, Default)]
pub struct Readiness {
    conditions: Arc<Mutex<Vec<Condition>>>,
}

struct Condition {
    name: &'static str,
    is_met: Box<dyn Fn() -> bool + Send + Sync>,
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
        let held = gate.clone();
        self.check(name, move || held.is_open());
        gate
    }

    /// From now on readiness asks `is_met` too, which must be quick.
    pub fn check(&self, name: &'static str, is_met: impl Fn() -> bool + Send + Sync + 'static) {
        self.lock().push(Condition { name, is_met: Box::new(is_met) });
    }

    /// Every condition and whether it is met, in the order in which they were made.
    pub fn conditions(&self) -> Vec<(&'static str, bool)> {
        self.lock().iter().map(|condition| (condition.name, (condition.is_met)())).collect()
    }

    /// A panic elsewhere cannot leave the list half changed, so a poisoned lock is as good as any.
    fn lock(&self) -> MutexGuard<'_, Vec<Condition>> {
        self.conditions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Readiness").field(&self.conditions()).finish()
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

    fn unmet(readiness: &Readiness) -> Vec<&'static str> {
        let conditions = readiness.conditions().into_iter();
        conditions.filter(|(_, is_met)| !is_met).map(|(name, _)| name).collect()
    }

    #[test]
    fn a_gate_is_a_condition_that_its_holder_opens_and_closes() {
        let readiness = Readiness::default();
        let (certificate, caches) = (readiness.gate("certificate"), readiness.gate("caches"));
        assert_eq!(unmet(&readiness), ["certificate", "caches"]);
        certificate.open();
        assert_eq!(unmet(&readiness), ["caches"]);
        caches.open();
        certificate.close();
        assert_eq!(unmet(&readiness), ["certificate"]);
    }

    #[test]
    fn a_gate_stays_as_it_was_when_its_holder_is_gone() {
        let readiness = Readiness::default();
        readiness.gate("listeners").open();
        assert_eq!(readiness.conditions(), [("listeners", true)]);
    }

    #[test]
    fn a_check_is_asked_each_time() {
        let readiness = Readiness::default();
        let asked = Arc::new(AtomicBool::new(false));
        let state = Arc::clone(&asked);
        readiness.check("caches", move || state.load(Ordering::Acquire));
        assert_eq!(readiness.conditions(), [("caches", false)]);
        asked.store(true, Ordering::Release);
        assert_eq!(readiness.conditions(), [("caches", true)]);
    }
}
