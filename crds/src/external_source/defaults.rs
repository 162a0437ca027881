//! What an `ExternalSource` means when it says less, or says it in the original's way.
use super::{DEFAULT_MAX_RETRIES, ExternalSourceSpec};
use crate::defaults::Defaults;

impl Defaults for ExternalSourceSpec {
    fn set_defaults(&mut self) {
        if self.max_retries == 0 {
            self.max_retries = DEFAULT_MAX_RETRIES;
        }
        // The original strips a leading slash when it packs; doing it here shows the user what will happen.
        if let Some(path) = self.destination_path.as_mut() {
            *path = path.trim_start_matches('/').to_owned();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_retries_means_the_default_as_in_the_original() {
        let mut spec = ExternalSourceSpec::default();
        spec.set_defaults();
        assert_eq!(spec.max_retries, 3);
    }

    #[test]
    fn a_leading_slash_is_stripped_and_a_second_run_changes_nothing() {
        let mut spec = ExternalSourceSpec { destination_path: Some("//a/b".into()), ..Default::default() };
        spec.set_defaults();
        assert_eq!(spec.destination_path.as_deref(), Some("a/b"));
        let once = spec.clone();
        spec.set_defaults();
        assert_eq!(spec, once);
    }
}
