//! Which sources a controller works on: those whose labels a selector matches. Pure.
//!
//! Controllers with different selectors are shards: each leads by a Lease of its own, whose name follows from its selector. Whether
//! two selectors may match one source can be told from their terms alone, since each term is about one label.
use artifacts::Digest;
use crds::names::LEASE;
use extension_apiserver::selectors::{LabelSelector, Operator, Requirement};
use std::{collections::BTreeSet, str::FromStr};

/// The share of the sources that one controller works on; the default is all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shard {
    /// What kube-apiserver is asked for; `None`: everything.
    selector: Option<String>,
    terms: Vec<Requirement>,
}

/// Why a text is no label selector, in the words of Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a label selector, as in sharding.fluxcd.io/key=shard1 or !sharding.fluxcd.io/key: {0}")]
pub struct NoSelector(String);

impl FromStr for Shard {
    type Err = NoSelector;

    fn from_str(text: &str) -> Result<Self, NoSelector> {
        let read = LabelSelector::parse(text).map_err(|status| NoSelector(status.message().to_owned()))?;
        let terms = read.requirements().to_vec();
        let written: Vec<_> = terms.iter().map(Requirement::to_string).collect();
        Ok(Self { selector: (!terms.is_empty()).then(|| written.join(",")), terms })
    }
}

impl Shard {
    /// The selector, written in one way however it was given; `None`: all sources are meant.
    pub fn selector(&self) -> Option<&str> {
        self.selector.as_deref()
    }

    /// The name of the Lease by which controllers of this shard agree on one that works.
    pub(crate) fn lease(&self) -> String {
        match &self.selector {
            None => LEASE.to_owned(),
            Some(selector) => format!("{LEASE}-{:.10}", Digest::of(selector.as_bytes()).hex()),
        }
    }

    /// Whether there are labels that both match.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let terms: Vec<_> = self.terms.iter().chain(&other.terms).collect();
        let keys: BTreeSet<_> = terms.iter().map(|term| &term.key).collect();
        keys.into_iter().all(|key| {
            let about: Vec<_> = terms.iter().filter(|term| term.key == *key).collect();
            candidates(&about).iter().any(|value| about.iter().all(|term| term.accepts(value.as_deref())))
        })
    }
}

/// Values of which one fulfils all terms about a label, if any does: none, each that is named, and one that nobody names; for the
/// neighbours of numbers, those too.
fn candidates(about: &[&&Requirement]) -> Vec<Option<String>> {
    let named = about.iter().flat_map(|term| &term.values).cloned();
    let neighbours = about.iter().filter_map(|term| {
        let bound: i64 = term.values.first()?.parse().ok()?;
        match term.operator {
            Operator::GreaterThan => bound.checked_add(1),
            Operator::LessThan => bound.checked_sub(1),
            _ => None,
        }
    });
    let longest = about.iter().flat_map(|term| &term.values).map(String::len).max().unwrap_or(0);
    let unnamed = "x".repeat(longest + 1);
    let given = named.chain(neighbours.map(|value| value.to_string())).chain([unnamed]);
    given.map(Some).chain([None]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(text: &str) -> Shard {
        text.parse().unwrap_or_else(|why| panic!("{text}: {why}"))
    }

    #[test]
    fn a_selector_has_one_lease_however_it_is_written() {
        let names = ["key=a", "key==a", "key in (a)", " key in ( a ) "].map(|text| shard(text).lease());
        assert!(names.iter().all(|name| *name == names[0]), "{names:?}");
        assert!(crds::names::is_lease(&names[0]) && names[0].len() == LEASE.len() + 11, "{}", names[0]);
        assert_ne!(shard("key=b").lease(), names[0]);
        assert_eq!((shard("").lease(), Shard::default().lease()), (LEASE.to_owned(), LEASE.to_owned()));
    }

    #[test]
    fn what_is_written_reads_as_what_was_given() {
        for text in ["a in (x,y),b notin (z)", "a,!b", "a>1,a<9", "a=x,a!=y"] {
            let given = shard(text);
            assert_eq!(shard(given.selector().expect("terms")), given, "{text}");
        }
    }

    #[test]
    fn what_is_no_selector_is_told_in_the_words_of_kubernetes() {
        let why = "key in (a".parse::<Shard>().expect_err("no end").to_string();
        assert!(why.starts_with("must be a label selector") && why.contains("key=shard1"), "{why}");
        "=a".parse::<Shard>().expect_err("no key");
        "key=not_a value".parse::<Shard>().expect_err("two words");
    }

    #[test]
    fn shards_overlap_where_a_source_may_have_the_labels_of_both() {
        for (one, other, overlap) in [
            ("key=a", "key=b", false),
            ("key=a", "!key", false),
            ("key in (a,b)", "key in (b,c)", true),
            ("key", "key notin (a)", true),
            ("key in (a,b)", "key notin (a,b)", false),
            ("key notin (a)", "key=a", false),
            ("key!=a", "!key", true),
            ("key=a", "team=b", true),
            ("key=a,team=b", "key=a,team=c", false),
            ("", "key=a", true),
            ("", "", true),
            ("n>5", "n<7", true),
            ("n>5", "n<6", false),
        ] {
            assert_eq!(shard(one).overlaps(&shard(other)), overlap, "{one} and {other}");
            assert_eq!(shard(other).overlaps(&shard(one)), overlap, "{other} and {one}");
        }
    }
}
