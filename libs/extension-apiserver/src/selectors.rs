//! Label and field selectors: the grammar of k8s.io/apimachinery, as requirements that authorization can pass on and
//! as predicates.
mod label;
mod labels;
mod merged;
mod pace;

use crate::status::Status;
use futures::FutureExt;
use std::{borrow::Cow, collections::BTreeMap, fmt, sync::Arc};

use merged::merged;
pub(crate) use pace::Pace;

/// What one requirement asks of a label's or field's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operator {
    /// The value is one of the given.
    In,
    /// The value is none of the given, or the key is missing.
    NotIn,
    /// The key is there.
    Exists,
    /// The key is not there.
    DoesNotExist,
    /// The value is an integer above the given one.
    GreaterThan,
    /// The value is an integer below the given one.
    LessThan,
}

/// One term of a selector. Equality is `In` with one value, inequality is `NotIn` with one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// Label key or field path.
    pub key: String,
    /// What is asked.
    pub operator: Operator,
    /// The values to compare with, sorted; none for the two existence operators.
    pub values: Vec<String>,
}

impl Requirement {
    /// Whether a label of that value fulfils it; `None`: no such label.
    pub fn accepts(&self, value: Option<&str>) -> bool {
        let listed =
            |value: &str| self.values.binary_search_by(|candidate| candidate.as_str().cmp(value)).is_ok();
        match (self.operator, value) {
            (Operator::In, Some(value)) => listed(value),
            (Operator::NotIn, Some(value)) => !listed(value),
            (Operator::NotIn | Operator::DoesNotExist, None) | (Operator::Exists, Some(_)) => true,
            (Operator::GreaterThan, Some(value)) => self.compare(value).is_some_and(i64::is_positive),
            (Operator::LessThan, Some(value)) => self.compare(value).is_some_and(i64::is_negative),
            _ => false,
        }
    }

    /// Sign of `value - bound`, if both are integers.
    fn compare(&self, value: &str) -> Option<i64> {
        let bound: i64 = self.values.first()?.parse().ok()?;
        let value: i64 = value.parse().ok()?;
        Some(value.cmp(&bound) as i64)
    }
}

/// As a label selector has it: a text that [`LabelSelector::parse`] reads as this very term.
impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, operator, values } = self;
        let values = values.join(",");
        match operator {
            Operator::In => write!(f, "{key} in ({values})"),
            Operator::NotIn => write!(f, "{key} notin ({values})"),
            Operator::Exists => write!(f, "{key}"),
            Operator::DoesNotExist => write!(f, "!{key}"),
            Operator::GreaterThan => write!(f, "{key}>{values}"),
            Operator::LessThan => write!(f, "{key}<{values}"),
        }
    }
}

/// A parsed label selector; the default selects everything. Clones share its terms, which may be many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector(Arc<Terms>);

#[derive(Debug, Default, PartialEq, Eq)]
struct Terms {
    /// As they are told, sorted by key.
    requirements: Vec<Requirement>,
    /// As objects are compared with them, sorted by key; those that are told where these are as few.
    merged: Option<Vec<Requirement>>,
    /// Of each key that must be there, one of the terms that objects are compared with.
    needed: Vec<usize>,
}

impl Terms {
    fn compared(&self) -> &[Requirement] {
        self.merged.as_ref().unwrap_or(&self.requirements)
    }
}

impl LabelSelector {
    /// Reads `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1`.
    ///
    /// # Errors
    /// 400 with what was found and what was expected.
    pub fn parse(text: &str) -> Result<Self, Status> {
        Self::read(text, &mut Pace::at_once())
            .now_or_never()
            .expect("at once means that nothing is waited for")
    }

    /// Reads it at this pace.
    pub(crate) async fn read(text: &str, pace: &mut Pace) -> Result<Self, Status> {
        let requirements = labels::parse(text, pace).await.map_err(Status::bad_request)?;
        let repeats = requirements.windows(2).any(|pair| pair[0].key == pair[1].key);
        let merged = if repeats { Some(merged(&requirements, pace).await) } else { None };
        let mut terms = Terms { requirements, merged, needed: Vec::new() };
        let compared = terms.compared();
        let mut needed: Vec<usize> = (0..compared.len()).collect();
        needed.retain(|term| !compared[*term].accepts(None));
        needed.dedup_by_key(|term| compared[*term].key.as_str());
        terms.needed = needed;
        Ok(Self(Arc::new(terms)))
    }

    /// Whether these labels fulfil every requirement. However many there are, only those are looked at that are about one of
    /// the labels, and of these no two of one kind.
    pub fn matches(&self, labels: Option<&BTreeMap<String, String>>) -> bool {
        let Some(labels) = labels else { return self.0.needed.is_empty() };
        self.0.needed.iter().all(|term| labels.contains_key(&self.0.compared()[*term].key))
            && labels.iter().all(|(key, value)| self.about(key).all(|term| term.accepts(Some(value))))
    }

    fn about<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a Requirement> {
        let terms = self.0.compared();
        let first = terms.partition_point(|term| term.key.as_str() < key);
        terms[first..].iter().take_while(move |term| term.key == key)
    }

    /// Its terms, all of which must hold.
    pub fn requirements(&self) -> &[Requirement] {
        &self.0.requirements
    }

    /// Whether it selects everything.
    pub fn is_empty(&self) -> bool {
        self.requirements().is_empty()
    }
}

/// A parsed field selector; the default selects everything. Clones share its terms, which may be many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSelector(Arc<FieldTerms>);

#[derive(Debug, Default, PartialEq, Eq)]
struct FieldTerms {
    /// As they are told.
    requirements: Vec<Requirement>,
    /// As objects are compared with them; those that are told where these are as few.
    merged: Option<Vec<Requirement>>,
}

impl FieldSelector {
    /// Reads `metadata.name=a,source!=b`; a backslash escapes comma, equals sign and itself.
    ///
    /// # Errors
    /// 400 for a term that is no comparison.
    pub fn parse(text: &str) -> Result<Self, Status> {
        Self::read(text, &mut Pace::at_once())
            .now_or_never()
            .expect("at once means that nothing is waited for")
    }

    /// Reads it at this pace.
    pub(crate) async fn read(text: &str, pace: &mut Pace) -> Result<Self, Status> {
        let mut terms = split_terms(text);
        // Of several wrong terms Go tells the first in this order.
        terms.sort_unstable();
        let terms = terms.into_iter().filter(|term| !term.is_empty());
        let requirement = |term: &str| {
            let message = || format!("invalid selector: '{text}'; can't understand '{term}'");
            field_term(term).unwrap_or_else(|| Err(message())).map_err(Status::bad_request)
        };
        let mut requirements = Vec::new();
        for term in terms {
            pace.step().await;
            requirements.push(requirement(term)?);
        }
        let fewer = merged(&requirements, pace).await;
        let merged = (fewer.len() < requirements.len()).then_some(fewer);
        Ok(Self(Arc::new(FieldTerms { requirements, merged })))
    }

    /// Refuses fields that the resource cannot be selected by.
    ///
    /// # Errors
    /// 400, naming those that it can.
    pub fn check(&self, known: &[&str]) -> Result<(), Status> {
        const ALWAYS: [&str; 2] = ["metadata.name", "metadata.namespace"];
        let is_known = |key: &str| ALWAYS.contains(&key) || known.contains(&key);
        let Some(unknown) = self.requirements().iter().find(|r| !is_known(&r.key)) else { return Ok(()) };
        let supported: Vec<String> = ALWAYS.iter().chain(known).map(|field| format!("{field:?}")).collect();
        Err(Status::bad_request(format!(
            "{:?} is not a known field selector: only {}",
            unknown.key,
            supported.join(", ")
        )))
    }

    /// Whether an object fulfils every requirement; `field` gives the value at a path.
    pub fn matches<'a>(&self, field: impl Fn(&str) -> Cow<'a, str>) -> bool {
        let compared = self.0.merged.as_ref().unwrap_or(&self.0.requirements);
        compared.iter().all(|r| r.accepts(Some(&field(&r.key))))
    }

    /// The value that a field must have, if there is exactly one.
    pub fn exact(&self, key: &str) -> Option<&str> {
        let term = self.requirements().iter().find(|r| r.key == key && r.operator == Operator::In)?;
        term.values.first().map(String::as_str)
    }

    /// Its terms, all of which must hold.
    pub fn requirements(&self) -> &[Requirement] {
        &self.0.requirements
    }

    /// Whether it selects everything.
    pub fn is_empty(&self) -> bool {
        self.requirements().is_empty()
    }
}

/// The name that an unparsed field selector pins, if it can be read.
pub(crate) fn pinned_name(field_selector: &str) -> Option<String> {
    FieldSelector::parse(field_selector).ok()?.exact("metadata.name").map(str::to_owned)
}

fn split_terms(text: &str) -> Vec<&str> {
    let mut terms = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (at, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => {
                terms.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    terms.push(&text[start..]);
    terms
}

/// One comparison; `None` if there is no operator in it. The key is never escaped, so the first operator is the one.
fn field_term(term: &str) -> Option<Result<Requirement, String>> {
    let operators = [("!=", Operator::NotIn), ("==", Operator::In), ("=", Operator::In)];
    let (at, (sign, operator)) = term.char_indices().find_map(|(at, _)| {
        let found = operators.into_iter().find(|(sign, _)| term[at..].starts_with(sign))?;
        Some((at, found))
    })?;
    let key = term[..at].to_owned();
    let value = unescaped(&term[at + sign.len()..]);
    Some(value.map(|value| Requirement { key, operator, values: vec![value] }))
}

fn unescaped(value: &str) -> Result<String, String> {
    let mut plain = String::with_capacity(value.len());
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some(escaped @ ('\\' | ',' | '=')) => plain.push(escaped),
                other => {
                    let sequence: String = ['\\'].into_iter().chain(other).collect();
                    return Err(format!("invalid field selector: invalid escape sequence: {sequence}"));
                }
            },
            // Go prints the number of the character.
            ',' | '=' => {
                let number = u32::from(letter);
                return Err(format!("invalid field selector: unescaped character in value: {number}"));
            }
            _ => plain.push(letter),
        }
    }
    Ok(plain)
}

#[cfg(test)]
mod tests;
