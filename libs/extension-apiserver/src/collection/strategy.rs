//! What an author says about writes to a collection.
use crate::status::Cause;

/// Prepares and checks what clients write, before it is kept. It is not asked about what the author feeds.
///
/// It is called without a lock, and may be called again for the same write when somebody else was faster.
pub trait Strategy<T>: Send + Sync + 'static {
    /// Fills in what the client left out, and puts back what it may not change, such as the status: `before` is the
    /// object that is replaced, if any.
    fn prepare(&self, _object: &mut T, _before: Option<&T>) {}

    /// Everything that is wrong with an object, one cause a field; the client is told all of it (422).
    fn violations(&self, _object: &T, _before: Option<&T>) -> Vec<Cause> {
        Vec::new()
    }

    /// See [`Update::allow_unconditional_update`](crate::api::Update::allow_unconditional_update).
    fn allow_unconditional_update(&self) -> bool {
        true
    }
}

impl<T, F> Strategy<T> for F
where
    F: Fn(&T, Option<&T>) -> Vec<Cause> + Send + Sync + 'static,
{
    fn violations(&self, object: &T, before: Option<&T>) -> Vec<Cause> {
        self(object, before)
    }
}

/// Takes every object as it comes.
pub(super) struct Anything;

impl<T> Strategy<T> for Anything {}
