//! What stands for a user where turns are counted: a number, so that nothing is copied or compared letter by letter.
use std::hash::{BuildHasher, Hash, RandomState};

/// Stands for whoever it was made of. Two of whom it is the same share their turns, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::server) struct Key(u64);

/// Makes keys. No two of these make the same, so that nobody can look for a name that shares another's turns.
#[derive(Clone, Default)]
pub(super) struct Keys(RandomState);

impl Keys {
    pub(super) fn of(&self, who: impl Hash) -> Key {
        Key(self.0.hash_one(who))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_has_one_key_which_differs_from_server_to_server() {
        let (keys, others) = (Keys::default(), Keys::default());
        assert_eq!(keys.of("jane"), keys.clone().of("jane"));
        assert_ne!(keys.of("jane"), keys.of("noisy"));
        assert_ne!(keys.of("jane"), others.of("jane"));
    }
}
