//! Defaults that a schema cannot give, because they depend on the value that is there.

/// A spec that can complete itself. Applying it twice changes nothing the second time.
pub trait Defaults {
    /// Completes the spec in place.
    fn set_defaults(&mut self);
}
