//! Expressions, after the hooks: other data, or files of it.
//!
//! Files come as one archive, which is then read as that of any source is: whatever holds for the files of an archive holds for
//! these, in names, number and size.
use super::{Transformer, post_request::Kept};
use crate::{
    EntryPath, Error,
    fetch::Head,
    plan::Shape,
    trace::{Event, tell},
};
use expressions::{Input, Named, Program};
use http::HeaderMap;
use std::{collections::BTreeMap, io, time::Instant};

impl Transformer {
    /// What expressions make of the data that hooks have left.
    pub(crate) async fn shape(&self, shape: &Shape, head: &Head, kept: Kept) -> Result<Kept, Error> {
        let (input, started) = (input(shape, head), Instant::now());
        let results =
            self.evaluator.run(&input, kept.pieces(), kept.length).await.map_err(Error::Expression)?;
        let made = match shape.layout.is_empty() {
            true => results.into_iter().next().unwrap_or_default(),
            false => archive(shape, &results).map_err(Error::NotSpooled)?,
        };
        let (count, bytes) = (usize::from(shape.transform.is_some()) + shape.layout.len(), made.len() as u64);
        tell(|| Event::Evaluated { count, bytes, took: started.elapsed() });
        kept.replaced(made).await
    }
}

fn input(shape: &Shape, head: &Head) -> Input {
    let named = |path: &str, program: &Program| Named {
        field: format!("{path}.{}", program.language.field()),
        program: program.clone(),
    };
    let others = shape.layout.iter().enumerate();
    Input {
        status: head.status.as_u16(),
        headers: shown(&head.headers),
        transform: shape.transform.as_ref().map(|program| named("spec.transform", program)),
        others: others.map(|(i, (_, program))| named(&format!("spec.layout[{i}]"), program)).collect(),
    }
}

/// Headers by name; one that comes several times has all its values, and one that is no text is left out.
fn shown(headers: &HeaderMap) -> BTreeMap<String, String> {
    let values = |name| headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let all =
        headers.keys().map(|name| (name.as_str().to_owned(), values(name).collect::<Vec<_>>().join(", ")));
    all.filter(|(_, value)| !value.is_empty()).collect()
}

fn archive(shape: &Shape, results: &[Vec<u8>]) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for ((path, _), bytes) in shape.layout.iter().zip(results) {
        append(&mut archive, path, bytes)?;
    }
    archive.into_inner()
}

fn append(archive: &mut tar::Builder<Vec<u8>>, path: &EntryPath, bytes: &[u8]) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    archive.append_data(&mut header, path.as_str(), bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crds::external_source::Language;

    #[test]
    fn headers_are_shown_by_name_with_all_their_values() {
        let mut headers = HeaderMap::new();
        headers.append("X-Region", "eu".parse().unwrap());
        headers.append("x-region", "us".parse().unwrap());
        headers.append("x-bytes", http::HeaderValue::from_bytes(b"\xff").unwrap());
        assert_eq!(shown(&headers), BTreeMap::from([("x-region".to_owned(), "eu, us".to_owned())]));
    }

    #[test]
    fn files_become_an_archive_with_their_names() {
        let long = format!("{}/{}", "a".repeat(120), "b".repeat(120));
        let body = Program { language: Language::Cel, text: "body".to_owned() };
        let path = |path: &str| (EntryPath::new(path).unwrap(), body.clone());
        let shape = Shape { transform: None, layout: vec![path("b"), path(&long)] };
        let bytes = archive(&shape, &[b"1".to_vec(), Vec::new()]).unwrap();
        let mut read = tar::Archive::new(bytes.as_slice());
        let names = read.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string());
        assert_eq!(names.collect::<Vec<_>>(), ["b", &long]);
    }
}
