//! An object as it is kept and shown: encoded once, whoever asks.
use crate::status::Status;
use bytes::Bytes;
use serde::Serialize;
use std::{
    any::Any,
    fmt,
    ops::Deref,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

/// An object together with its JSON, which is made at most once however many clients ask. Cheap to clone.
pub struct Item<T>(Arc<Kept<T>>);

struct Kept<T> {
    object: T,
    json: OnceLock<Bytes>,
    /// Other forms, at most one of each type; as a rule none.
    forms: Mutex<Vec<Box<dyn Any + Send + Sync>>>,
}

impl<T: Serialize> Item<T> {
    /// The object as JSON.
    ///
    /// # Errors
    /// 500 if the object does not serialize.
    pub fn json(&self) -> Result<&Bytes, Status> {
        if let Some(json) = self.0.json.get() {
            return Ok(json);
        }
        let json = serde_json::to_vec(&self.0.object)
            .map_err(|error| Status::internal(format!("failed to encode the object: {error}")))?;
        Ok(self.0.json.get_or_init(|| json.into()))
    }
}

impl<T> Item<T> {
    /// Another form of the object, such as one of another version. It is made at most once for each type, and kept for
    /// as long as the object itself.
    pub(crate) fn form<F>(&self, make: impl FnOnce(&Self) -> F) -> F
    where
        F: Clone + Send + Sync + 'static,
    {
        let mut forms = self.0.forms.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = forms.iter().find_map(|form| form.downcast_ref::<F>()) {
            return known.clone();
        }
        let form = make(self);
        forms.push(Box::new(form.clone()));
        form
    }
}

impl<T> Clone for Item<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> From<T> for Item<T> {
    fn from(object: T) -> Self {
        Self(Arc::new(Kept { object, json: OnceLock::new(), forms: Mutex::default() }))
    }
}

impl<T> Deref for Item<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.object
    }
}

impl<T: fmt::Debug> fmt::Debug for Item<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.object.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_made_once() {
        let item = Item::from(7_u32);
        let mut made = 0;
        for _ in 0..3 {
            let text: String = item.form(|item| {
                made += 1;
                item.to_string()
            });
            let doubled: u64 = item.clone().form(|item| u64::from(**item) * 2);
            assert_eq!((text.as_str(), doubled), ("7", 14));
        }
        assert_eq!(made, 1);
    }
}
