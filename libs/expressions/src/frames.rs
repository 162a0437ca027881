//! How two processes speak of evaluations: what is asked goes in as one document and the data, what is made comes out as one
//! frame an expression. Blocking, and pure but for the pipe that it is given.
use crate::Program;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
};

/// More than the longest expressions take.
const LONGEST_ASKED: u64 = 4 << 20;
/// A frame begins with what it is and the length of its bytes.
pub(crate) const HEAD: usize = 5;

/// What is asked; the data follows it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Asked {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    /// Makes the data that the others are asked about.
    pub(crate) transform: Option<Program>,
    /// Each makes one result.
    pub(crate) others: Vec<Program>,
}

impl Asked {
    /// All that is to be evaluated.
    pub(crate) fn programs(&self) -> impl Iterator<Item = &Program> {
        self.transform.iter().chain(&self.others)
    }

    /// What goes before the data.
    pub(crate) fn written(&self) -> Vec<u8> {
        let json = serde_json::to_vec(self).expect("texts and numbers serialize");
        [&(json.len() as u64).to_be_bytes()[..], &json].concat()
    }

    /// # Errors
    /// It ended early, or is nothing of ours.
    pub(crate) fn read(from: &mut impl Read) -> io::Result<Self> {
        let mut length = [0; 8];
        from.read_exact(&mut length)?;
        let mut json = Vec::new();
        from.take(u64::from_be_bytes(length).min(LONGEST_ASKED)).read_to_end(&mut json)?;
        serde_json::from_slice(&json).map_err(io::Error::other)
    }
}

/// What became of one expression.
pub(crate) type Answer = Result<Vec<u8>, String>;

/// Writes one frame.
pub(crate) fn write(answer: &Answer, to: &mut impl Write) -> io::Result<()> {
    let (kind, bytes) = match answer {
        Ok(made) => (0, made.as_slice()),
        Err(problem) => (1, problem.as_bytes()),
    };
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    to.write_all(&[kind])?;
    to.write_all(&length.to_be_bytes())?;
    to.write_all(bytes)?;
    to.flush()
}

/// The frames that are whole in what was written.
pub(crate) fn read(mut written: &[u8]) -> Vec<Answer> {
    let mut answers = Vec::new();
    while let Some((head, rest)) = written.split_first_chunk::<HEAD>() {
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let Some((bytes, next)) = rest.split_at_checked(length) else { break };
        answers.push(match head[0] {
            0 => Ok(bytes.to_vec()),
            _ => Err(String::from_utf8_lossy(bytes).into_owned()),
        });
        written = next;
    }
    answers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crds::external_source::Language;
    use proptest::prelude::*;

    #[test]
    fn what_is_asked_is_read_as_it_was_written() {
        let headers = BTreeMap::from([("a".to_owned(), "ü".to_owned())]);
        let others = vec![Program { language: Language::Jq, text: ".".into() }];
        let asked = Asked { status: 200, headers, transform: None, others };
        let written = [asked.written(), b"data".to_vec()].concat();
        let mut from = written.as_slice();
        let read = Asked::read(&mut from).unwrap();
        assert_eq!(
            (read.status, read.headers, read.others, from),
            (200, asked.headers, asked.others, &b"data"[..])
        );
        assert!(Asked::read(&mut &written[..20]).is_err() && Asked::read(&mut &b""[..]).is_err());
    }

    proptest! {
        #[test]
        fn any_cut_leaves_the_answers_before_it(
            made in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..20), 1..5),
            cut in any::<prop::sample::Index>(),
        ) {
            let answers: Vec<Answer> = made.into_iter().map(Ok).chain([Err("why".to_owned())]).collect();
            let mut written = Vec::new();
            for answer in &answers {
                write(answer, &mut written).unwrap();
            }
            prop_assert_eq!(&read(&written), &answers);
            let some = read(&written[..cut.index(written.len())]);
            prop_assert!(some.len() < answers.len() && answers.starts_with(&some));
        }
    }
}
