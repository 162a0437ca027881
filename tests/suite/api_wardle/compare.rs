//! Where two answers to one request differ, leaf by leaf.
use super::{Answers, answer::Answer};
use anyhow::{Result, ensure};
use serde_json::Value;

/// One leaf that differs.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Difference {
    /// `scenario/title of the request`.
    pub(super) request: String,
    /// `status`, `headers.…` or `body.…`.
    pub(super) at: String,
    /// As JSON; nothing where there is none.
    pub(super) theirs: Option<Value>,
    pub(super) ours: Option<Value>,
}

/// Every difference within a scenario.
pub(super) fn scenario(name: &str, theirs: &Answers, ours: &Answers) -> Result<Vec<Difference>> {
    let titles = |answers: &Answers| answers.iter().map(|(title, _)| title.clone()).collect::<Vec<_>>();
    ensure!(titles(theirs) == titles(ours), "{name} has other requests than its golden file: record it anew");
    let pairs = theirs.iter().zip(ours);
    Ok(pairs
        .flat_map(|((title, theirs), (_, ours))| answers(&format!("{name}/{title}"), theirs, ours))
        .collect())
}

fn answers(request: &str, theirs: &Answer, ours: &Answer) -> Vec<Difference> {
    let [theirs, ours] =
        [theirs, ours].map(|answer| serde_json::to_value(answer).expect("an answer is JSON"));
    values(request, &theirs, &ours)
}

/// Every difference between two values.
pub(super) fn values(request: &str, theirs: &Value, ours: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    walk(request, "", Some(theirs), Some(ours), &mut found);
    found
}

fn walk(request: &str, at: &str, theirs: Option<&Value>, ours: Option<&Value>, found: &mut Vec<Difference>) {
    let below = |key: &str| if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") };
    match (theirs, ours) {
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
            keys.for_each(|key| walk(request, &below(key), a.get(key), b.get(key), found));
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) if a.len() == b.len() => {
            let pairs = a.iter().zip(b).enumerate();
            pairs.for_each(|(index, (a, b))| {
                walk(request, &below(&index.to_string()), Some(a), Some(b), found);
            });
        }
        (theirs, ours) if theirs == ours => {}
        (theirs, ours) => found.push(Difference {
            request: request.to_owned(),
            at: at.to_owned(),
            theirs: theirs.cloned(),
            ours: ours.cloned(),
        }),
    }
}

#[test]
fn differences_are_found_where_they_are() {
    let answer = |body: Value| Answer { status: 200, headers: [].into(), body };
    let theirs = answer(serde_json::json!({ "a": [1, { "b": 2 }], "c": 3 }));
    let ours = answer(serde_json::json!({ "a": [1, { "b": 5 }], "d": 4 }));
    let found = answers("s/t", &theirs, &ours);
    let at: Vec<_> = found.iter().map(|difference| difference.at.as_str()).collect();
    assert_eq!(at, ["body.a.1.b", "body.c", "body.d"]);
    assert_eq!((found[1].theirs.clone(), found[1].ours.clone()), (Some(3.into()), None));
}
