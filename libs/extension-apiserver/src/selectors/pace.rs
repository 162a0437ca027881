//! How much of a long selector is read before others have their turn.
use tokio::task::yield_now;

/// Terms and values that take a tenth of a millisecond to read.
const AT_ONCE: usize = 500;

/// Counts what was read.
pub(crate) struct Pace {
    /// None where nobody waits.
    left: Option<usize>,
}

impl Pace {
    /// Everything at once, so that a future which goes at this pace is ready when it is polled first.
    pub(crate) fn at_once() -> Self {
        Self { left: None }
    }

    /// A part of it in each turn of its task.
    pub(crate) fn in_turns() -> Self {
        Self { left: Some(AT_ONCE) }
    }

    /// Called for each term and value.
    pub(super) async fn step(&mut self) {
        match &mut self.left {
            None => {}
            Some(0) => {
                self.left = Some(AT_ONCE);
                yield_now().await;
            }
            Some(left) => *left -= 1,
        }
    }
}
