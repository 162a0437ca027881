//! The objects of a folder as one tar, made as it is sent: the rest of the pipeline reads, checks and packs it as it does
//! the archive of any source.
use super::client::Connection;
use crate::{
    Digest, Error, Hasher,
    fetch::{Body, Head, Incoming, Reply, Validators},
    generators::{
        Ask,
        archive::{self, BLOCK, END, Pieces, end, file},
    },
};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use http::{HeaderMap, StatusCode};
use object_store::{GetOptions, ObjectMeta, ObjectStore, path::Path};
use std::{collections::BTreeMap, sync::Arc};

/// As many as may wait in memory by name.
const MOST: usize = 10_000;
/// Objects that are asked for before it is their turn.
const AHEAD: usize = 8;

/// Objects by the names that they will have.
type Objects = BTreeMap<String, ObjectMeta>;

pub(super) async fn folder(
    connection: &Connection,
    path: Option<&Path>,
    ask: Ask<'_>,
) -> Result<Reply, Error> {
    let objects = without_folders(&listed(connection, path).await?);
    if objects.is_empty() {
        return Err(Error::EmptyPrefix { host: connection.host.clone() });
    }
    let etag = Some(fingerprint(&objects));
    if ask.validators.is_some_and(|validators| validators.etag == etag) {
        return Ok(Reply::NotModified { pause: None, validators: None });
    }
    let (length, pieces) = archive(connection, objects)?;
    let validators = Validators { etag, last_modified: None };
    let content_type = Some("application/x-tar".to_owned());
    let origin = connection.origin(&validators);
    let (status, headers, length) = (StatusCode::OK, HeaderMap::new(), Some(length));
    let head = Head { status, headers, content_type, validators, pause: None, length, origin };
    let incoming = Incoming { host: connection.host.clone(), length, pieces };
    Ok(Reply::Data(head, Body::new(incoming, ask.bounds, None)?))
}

async fn listed(connection: &Connection, path: Option<&Path>) -> Result<Objects, Error> {
    let mut listing = connection.store.list(path);
    let mut objects = Objects::new();
    while let Some(object) = listing.try_next().await.map_err(|error| connection.failure(&error))? {
        let above = path.map_or("", Path::as_ref);
        let name = object.location.as_ref().strip_prefix(above).unwrap_or_default();
        objects.insert(name.trim_start_matches('/').to_owned(), object);
        if objects.len() > MOST {
            return Err(Error::TooManyObjects { host: connection.host.clone(), limit: MOST });
        }
    }
    Ok(objects)
}

/// Consoles show folders by empty objects, which their clients then list as objects of the folder's name.
fn without_folders(objects: &Objects) -> Objects {
    let is_above = |name: &str| {
        let below = format!("{name}/");
        objects.range(below.clone()..).next().is_some_and(|(next, _)| next.starts_with(&below))
    };
    let is_folder =
        |name: &String, object: &ObjectMeta| name.is_empty() || (object.size == 0 && is_above(name));
    let files = objects.iter().filter(|(name, object)| !is_folder(name, object));
    files.map(|(name, object)| (name.clone(), object.clone())).collect()
}

/// Another one as soon as an object comes, goes or changes. A word of ours where HTTP has an ETag.
fn fingerprint(objects: &Objects) -> String {
    let mut hasher = Hasher::new();
    for (name, object) in objects {
        let modified = object.last_modified.timestamp_micros().to_string();
        let tag = object.e_tag.as_deref().unwrap_or(&modified);
        for part in [name, tag, &object.size.to_string()] {
            hasher.update(&(part.len() as u64).to_be_bytes());
            hasher.update(part.as_bytes());
        }
    }
    let digest: Digest = hasher.finish();
    format!("\"listing-{digest}\"")
}

/// The length of the archive, and its bytes.
fn archive(connection: &Connection, objects: Objects) -> Result<(u64, Pieces), Error> {
    let mut length = END as u64;
    let mut files = Vec::with_capacity(objects.len());
    for (name, object) in objects {
        let header = header(&connection.host, &name, object.size)?;
        length =
            length.saturating_add(header.len() as u64).saturating_add(object.size.next_multiple_of(BLOCK));
        files.push((header, object));
    }
    let store = Arc::new(connection.store.clone());
    let failures = Arc::new(connection.failures());
    let opened = stream::iter(files).map(move |(header, object)| {
        let (store, failures) = (Arc::clone(&store), Arc::clone(&failures));
        async move {
            let options = GetOptions { if_match: object.e_tag.clone(), ..GetOptions::default() };
            let found = match store.get_opts(&object.location, options).await {
                Ok(found) if found.meta.size == object.size => found,
                Ok(_)
                | Err(object_store::Error::NotFound { .. } | object_store::Error::Precondition { .. }) => {
                    return Err(failures.changed());
                }
                Err(error) => return Err(failures.of_request(&error)),
            };
            let body = found.into_stream().map_err(move |error| failures.of_body(&error));
            Ok(file(header, body.boxed(), object.size))
        }
    });
    Ok((length, opened.buffered(AHEAD).try_flatten().chain(end()).boxed()))
}

fn header(host: &str, name: &str, size: u64) -> Result<Bytes, Error> {
    archive::header(name, size).map_err(|problem| Error::UnsafeKey { host: host.to_owned(), problem })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(list: &[(&str, u64, &str)]) -> Objects {
        let object = |(name, size, tag): &(&str, u64, &str)| {
            let meta = ObjectMeta {
                location: Path::from(*name),
                last_modified: Default::default(),
                size: *size,
                e_tag: Some((*tag).to_owned()),
                version: None,
            };
            ((*name).to_owned(), meta)
        };
        list.iter().map(object).collect()
    }

    #[test]
    fn whatever_changes_in_a_folder_changes_its_fingerprint() {
        let base = fingerprint(&objects(&[("a", 1, "x"), ("b", 2, "y")]));
        assert_eq!(fingerprint(&objects(&[("b", 2, "y"), ("a", 1, "x")])), base);
        for other in [
            objects(&[("a", 1, "x")]),
            objects(&[("a", 1, "x"), ("b", 2, "z")]),
            objects(&[("a", 1, "x"), ("b", 3, "y")]),
            objects(&[("a", 1, "x"), ("c", 2, "y")]),
            objects(&[("a", 1, "xb"), ("", 2, "y")]),
        ] {
            assert_ne!(fingerprint(&other), base);
        }
    }

    #[test]
    fn what_only_shows_a_folder_is_no_file() {
        let all = objects(&[("", 0, ""), ("a", 0, ""), ("a/b", 1, ""), ("a-c", 0, ""), ("d", 0, "")]);
        let kept: Vec<String> = without_folders(&all).into_keys().collect();
        assert_eq!(kept, ["a-c", "a/b", "d"]);
    }

    #[test]
    fn a_header_holds_any_name_that_is_safe_and_no_other() {
        let long = format!("{}/{}", "a".repeat(200), "b".repeat(200));
        for name in ["a", "a/b.yaml", &long, "ä/ö"] {
            let mut bytes = header("minio", name, 0).expect(name).to_vec();
            bytes.extend([0; END]);
            let mut archive = tar::Archive::new(bytes.as_slice());
            let entry = archive.entries().unwrap().next().expect("one entry").expect("readable");
            assert_eq!(entry.path().unwrap().to_str(), Some(name));
        }
        for name in ["", "../a", "a\\b", "a\nb", &"a".repeat(300)] {
            let error = header("minio", name, 0).expect_err(name);
            assert_eq!(error.reason(), "UnsafeArchive", "{error}");
        }
    }
}
