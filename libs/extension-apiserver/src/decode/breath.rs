//! Pauses in a long computation that no runtime interrupts.
//!
//! A large document is read on a thread of its own, which the kernel may leave on its processor for milliseconds although the
//! thread that answers everybody else is ready. So it offers its processor now and then; where nobody wants it, it goes on at once.
use std::{
    cell::Cell,
    thread,
    time::{Duration, Instant},
};

/// How long others wait at most.
const LONGEST: Duration = Duration::from_micros(200);
/// Values that are read between two looks at the clock.
const BETWEEN_LOOKS: u32 = 64;

/// When the processor was offered last.
pub(super) struct Breath {
    values: Cell<u32>,
    last: Cell<Instant>,
}

impl Breath {
    pub(super) fn new() -> Self {
        Self { values: Cell::new(0), last: Cell::new(Instant::now()) }
    }

    /// Called for each value.
    pub(super) fn step(&self) {
        self.values.set(self.values.get().wrapping_add(1));
        if self.values.get().is_multiple_of(BETWEEN_LOOKS) && self.last.get().elapsed() > LONGEST {
            thread::yield_now();
            self.last.set(Instant::now());
        }
    }
}
