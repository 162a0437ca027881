//! Objects that may not decode: one that this version cannot read must not keep the others of a list or a watch from it.
mod lean;

use crate::{ExternalSource, external_artifact::ExternalArtifact};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use lean::{Metadata, Name};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor, value::MapDeserializer},
};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt, marker::PhantomData};
use thiserror::Error;

/// An object, or why it cannot be read. Its metadata is there either way.
///
/// Like kube's `DeserializeGuard`, for JSON text alone, as kube-apiserver sends it: no tree of it is built, nor is it copied. The
/// metadata is read at once, without `managedFields`; the rest is found first and read then, so that it may fail by itself.
#[derive(Clone, Debug)]
pub struct Decoded<K>(pub Result<K, Undecodable>);

/// What is known of an object that cannot be read.
#[derive(Clone, Debug, Error)]
#[error("{error}")]
pub struct Undecodable {
    /// What is wrong with it, for people.
    pub error: String,
    /// Its metadata.
    pub metadata: ObjectMeta,
}

/// A kind that is read here, and not once more in every crate that reads it: what reads a large kind is large itself.
pub trait Readable: Resource + Sized {
    /// Reads an object of its fields.
    ///
    /// # Errors
    /// One of them is missing, or is not what the kind has there.
    fn read(fields: Fields<'_>) -> Result<Self, serde_json::Error>;
}

/// The names of an object's fields, and the text of each.
pub type Fields<'a> = Vec<(Cow<'a, str>, &'a RawValue)>;

macro_rules! readable {
    ($($kind:ty),+) => {$(
        impl Readable for $kind {
            fn read(fields: Fields<'_>) -> Result<Self, serde_json::Error> {
                Self::deserialize(MapDeserializer::new(fields.into_iter()))
            }
        }
    )+};
}

readable!(ExternalSource, ExternalArtifact);

impl<'de, K: Readable> Deserialize<'de> for Decoded<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Parts(PhantomData))
    }
}

/// Reads an object part by part.
struct Parts<K>(PhantomData<K>);

impl<'de, K: Readable> Visitor<'de> for Parts<K> {
    type Value = Decoded<K>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Decoded<K>, A::Error> {
        let (mut metadata, mut parts) = (ObjectMeta::default(), Vec::new());
        while let Some(Name(name)) = fields.next_key()? {
            let text = match &*name {
                "metadata" => {
                    metadata = fields.next_value_seed(Metadata)?;
                    // What a kind demands is there, and is filled in afterwards.
                    nothing()
                }
                _ => fields.next_value()?,
            };
            parts.push((name, text));
        }
        Ok(Decoded(match K::read(parts) {
            Ok(mut object) => {
                *object.meta_mut() = metadata;
                Ok(object)
            }
            Err(failure) => Err(Undecodable { error: without_place(&failure), metadata }),
        }))
    }
}

/// An object without a field, as text.
fn nothing() -> &'static RawValue {
    serde_json::from_str("{}").expect("this is JSON")
}

/// The place is one in a text that nobody sees, and moves with whatever stands before it.
fn without_place(failure: &serde_json::Error) -> String {
    let whole = failure.to_string();
    let place = format!(" at line {} column {}", failure.line(), failure.column());
    whole.strip_suffix(&place).map(str::to_owned).unwrap_or(whole)
}

impl<K: Resource> Resource for Decoded<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(dynamic: &Self::DynamicType) -> Cow<'_, str> {
        K::kind(dynamic)
    }

    fn group(dynamic: &Self::DynamicType) -> Cow<'_, str> {
        K::group(dynamic)
    }

    fn version(dynamic: &Self::DynamicType) -> Cow<'_, str> {
        K::version(dynamic)
    }

    fn plural(dynamic: &Self::DynamicType) -> Cow<'_, str> {
        K::plural(dynamic)
    }

    fn meta(&self) -> &ObjectMeta {
        self.0.as_ref().map_or_else(|invalid| &invalid.metadata, K::meta)
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        self.0.as_mut().map_or_else(|invalid| &mut invalid.metadata, K::meta_mut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ExternalSource;
    use kube::{
        ResourceExt,
        core::{ObjectList, WatchEvent},
    };

    const GOOD: &str = r#"{"metadata":{"name":"good"},"spec":{"interval":"5m","generator":{"type":"http"}}}"#;
    const BAD: &str = r#"{"metadata":{"name":"bad","uid":"7"},"spec":{"interval":["5m"]}}"#;

    #[test]
    fn one_that_cannot_be_read_has_its_metadata_and_stops_no_other() {
        let list = format!(
            r#"{{"apiVersion":"v1","kind":"List","metadata":{{"resourceVersion":"5"}},"items":[{BAD},{GOOD}]}}"#
        );
        let list: ObjectList<Decoded<ExternalSource>> = serde_json::from_str(&list).unwrap();
        let [bad, good] = list.items.as_slice() else { panic!("two items") };
        assert_eq!((bad.name_any().as_str(), bad.uid().as_deref()), ("bad", Some("7")));
        let invalid = bad.0.as_ref().unwrap_err();
        assert_eq!(invalid.error, "invalid type: sequence, expected a string");
        assert_eq!(good.0.as_ref().unwrap().name_any(), "good");
    }

    #[test]
    fn an_event_of_a_watch_is_read_as_kube_apiserver_writes_it() {
        let event = format!(r#"{{"type":"MODIFIED","object":{BAD}}}"#);
        let event: WatchEvent<Decoded<ExternalSource>> = serde_json::from_str(&event).unwrap();
        let WatchEvent::Modified(object) = event else { panic!("a change") };
        assert!(object.0.is_err());
    }

    #[test]
    fn who_wrote_what_is_left_out_and_nothing_else() {
        let metadata = r#"{"managedFields":[{"manager":"a","fieldsV1":{"f:spec":{}}}],"name":"m","labels":{"managedFields":"l"}}"#;
        for spec in [r#"{"interval":"5m","generator":{"type":"http"}}"#, r#"{"interval":["5m"]}"#] {
            let object = format!(r#"{{"kind":"ExternalSource","metadata":{metadata},"spec":{spec}}}"#);
            let object: Decoded<ExternalSource> = serde_json::from_str(&object).unwrap();
            assert_eq!((object.name_any().as_str(), object.labels()["managedFields"].as_str()), ("m", "l"));
            assert!(object.managed_fields().is_empty());
        }
    }

    #[test]
    fn what_is_no_object_is_nothing() {
        assert!(serde_json::from_str::<Decoded<ExternalSource>>("7").is_err());
        assert!(serde_json::from_str::<Decoded<ExternalSource>>(r#"{"metadata":"none"}"#).is_err());
    }
}
