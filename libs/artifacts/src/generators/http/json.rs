//! Whether a body is the JSON that `expectedJSON` describes. It is read once, and no tree is made of it: memory holds the
//! body, which is bounded, and nothing that grows with what is in it.
use crate::{
    Error,
    fetch::{Body, Pieces, Reply},
};
use crds::external_source::ExpectedValue;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};
use std::{fmt, io::Read};

/// The largest body that is looked into, in bytes: all of it is in memory until it is known to be the right one.
const LARGEST: u64 = 4 << 20;

/// The reply, if its body is as expected. What was read of it is kept for whoever reads it next.
pub(super) async fn checked(reply: Reply, expected: &[ExpectedValue]) -> Result<Reply, Error> {
    let Reply::Data(mut head, mut body) = reply else { return Ok(reply) };
    let Some(length) = body.read_ahead(LARGEST).await? else {
        return Err(unexpected(&body, "is larger than 4 MiB, the most that expectedJSON looks into".into()));
    };
    head.length = Some(length);
    let (pieces, expected) = (body.ahead(), expected.to_vec());
    let judged = tokio::task::spawn_blocking(move || violation(Pieces(pieces.into()), &expected)).await;
    match judged.map_err(|died| Error::PackerDied(died.into()))? {
        Some(problem) => Err(unexpected(&body, problem)),
        None => Ok(Reply::Data(head, body)),
    }
}

fn unexpected(body: &Body, problem: String) -> Error {
    Error::UnexpectedJson { host: body.host().to_owned(), problem }
}

/// The first thing that is not as expected, in words that hold nothing of the body.
fn violation(body: impl Read, expected: &[ExpectedValue]) -> Option<String> {
    let wanted: Vec<Wanted<'_>> = expected.iter().map(Wanted::new).collect();
    let mut found = vec![Found::Nothing; wanted.len()];
    let all = (0..wanted.len()).map(|index| (index, 0)).collect();
    let mut text = serde_json::Deserializer::from_reader(std::io::BufReader::new(body));
    let look = Look { wanted: &wanted, found: &mut found, at: all };
    if look.deserialize(&mut text).and_then(|()| text.end()).is_err() {
        return Some("is no JSON, in which expectedJSON looks for values".into());
    }
    let judged = expected.iter().zip(found);
    let problem = |(expected, found): (&ExpectedValue, Found)| {
        let pointer = &expected.pointer;
        match (expected.exists, found) {
            (Some(false), Found::Nothing) | (Some(true), Found::Other | Found::Equal) => None,
            (Some(false), _) => Some(format!("holds a value at {pointer:?}, where expectedJSON wants none")),
            (None, Found::Equal) => None,
            (None, Found::Other) => {
                Some(format!("holds another value at {pointer:?} than expectedJSON says"))
            }
            (_, Found::Nothing) => {
                Some(format!("holds no value at {pointer:?}, where expectedJSON wants one"))
            }
        }
    };
    judged.into_iter().find_map(problem)
}

#[derive(Clone, Copy, PartialEq)]
enum Found {
    Nothing,
    Other,
    Equal,
}

/// Where to look, and for what.
struct Wanted<'e> {
    steps: Vec<String>,
    equals: Option<&'e Value>,
}

impl<'e> Wanted<'e> {
    fn new(expected: &'e ExpectedValue) -> Self {
        let step = |step: &str| step.replace("~1", "/").replace("~0", "~");
        let steps = expected.pointer.split('/').skip(1).map(step).collect();
        Self { steps, equals: expected.equals.as_ref() }
    }
}

/// A look at one value: who of the wanted have come here, each after how many of its steps.
struct Look<'l, 'e> {
    wanted: &'l [Wanted<'e>],
    found: &'l mut [Found],
    at: Vec<(usize, usize)>,
}

impl Look<'_, '_> {
    /// Notes the value for whoever wanted to come here and no further.
    fn note(&mut self, is: impl Fn(&Value) -> bool) {
        for (index, steps) in &self.at {
            if self.wanted[*index].steps.len() == *steps {
                let is_equal = self.wanted[*index].equals.is_some_and(&is);
                self.found[*index] = if is_equal { Found::Equal } else { Found::Other };
            }
        }
    }

    /// Who goes on by that step. A name that comes twice counts as it does last.
    fn below(&mut self, step: &str) -> Option<Look<'_, '_>> {
        let goes_on = |(index, steps): &&(usize, usize)| {
            self.wanted[*index].steps.get(*steps).is_some_and(|next| next == step)
        };
        let at: Vec<_> = self.at.iter().filter(goes_on).map(|(index, steps)| (*index, steps + 1)).collect();
        for (index, _) in &at {
            self.found[*index] = Found::Nothing;
        }
        (!at.is_empty()).then_some(Look { wanted: self.wanted, found: self.found, at })
    }
}

impl<'de> DeserializeSeed<'de> for Look<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        value.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Look<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(mut self) -> Result<(), E> {
        self.note(Value::is_null);
        Ok(())
    }

    fn visit_bool<E>(mut self, found: bool) -> Result<(), E> {
        self.note(|wanted| wanted.as_bool() == Some(found));
        Ok(())
    }

    fn visit_u64<E>(mut self, found: u64) -> Result<(), E> {
        self.note(|wanted| is_number(wanted, &found.into()));
        Ok(())
    }

    fn visit_i64<E>(mut self, found: i64) -> Result<(), E> {
        self.note(|wanted| is_number(wanted, &found.into()));
        Ok(())
    }

    fn visit_f64<E: serde::de::Error>(mut self, found: f64) -> Result<(), E> {
        let found = Number::from_f64(found).ok_or_else(|| E::custom("no number"))?;
        self.note(|wanted| is_number(wanted, &found));
        Ok(())
    }

    fn visit_str<E>(mut self, found: &str) -> Result<(), E> {
        self.note(|wanted| wanted.as_str() == Some(found));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        self.note(|_| false);
        for index in 0_usize.. {
            let more = match self.below(&index.to_string()) {
                Some(look) => list.next_element_seed(look)?.is_some(),
                None => list.next_element::<IgnoredAny>()?.is_some(),
            };
            if !more {
                return Ok(());
            }
        }
        Err(A::Error::custom("an endless list"))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        self.note(|_| false);
        while let Some(name) = map.next_key::<String>()? {
            match self.below(&name) {
                Some(look) => map.next_value_seed(look)?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// 1 and 1.0 are the same number.
fn is_number(wanted: &Value, found: &Number) -> bool {
    let Value::Number(wanted) = wanted else { return false };
    wanted == found || (!(wanted.is_i64() && found.is_i64()) && wanted.as_f64() == found.as_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn equals(pointer: &str, value: Value) -> ExpectedValue {
        ExpectedValue { pointer: pointer.into(), equals: Some(value), exists: None }
    }

    fn exists(pointer: &str, exists: bool) -> ExpectedValue {
        ExpectedValue { pointer: pointer.into(), equals: None, exists: Some(exists) }
    }

    fn said(body: &str, expected: ExpectedValue) -> String {
        violation(body.as_bytes(), &[expected]).unwrap_or_default()
    }

    #[test]
    fn values_are_found_where_pointers_lead() {
        let body = r#"{"status":"ok","n":[1,{"a/b":{"~":true}}],"":{"x":2.5},"big":18446744073709551615,"nil":null}"#;
        for good in [
            equals("/status", json!("ok")),
            equals("/n/0", json!(1)),
            equals("/n/0", json!(1.0)),
            equals("/n/1/a~1b/~0", json!(true)),
            equals("//x", json!(2.5)),
            equals("/big", json!(u64::MAX)),
            exists("", true),
            exists("/n", true),
            exists("/nil", true),
            exists("/n/2", false),
            exists("/n/-", false),
            exists("/status/x", false),
        ] {
            assert_eq!(said(body, good.clone()), "", "{good:?}");
        }
    }

    #[test]
    fn what_is_not_as_expected_is_told_without_what_is_there() {
        let body = r#"{"status":"canary","n":[1]}"#;
        for (expected, problem) in [
            (equals("/status", json!("ok")), "another value at \"/status\""),
            (equals("/n/0", json!("1")), "another value"),
            (equals("/n", json!(1)), "another value"),
            (equals("/gone", json!(1)), "no value at \"/gone\""),
            (exists("/gone", true), "no value"),
            (exists("/n", false), "holds a value at \"/n\""),
        ] {
            let said = said(body, expected);
            assert!(said.contains(problem) && !said.contains("canary"), "{said}");
        }
    }

    #[test]
    fn what_is_no_json_is_no_match() {
        let deep = "[".repeat(100_000);
        for body in ["", "<html>", "{", r#"{"status":"ok"} x"#, r#"{"status":"ok""#, "1e999", &deep] {
            let said = said(body, exists("", true));
            assert!(said.starts_with("is no JSON"), "{said}");
        }
    }

    #[test]
    fn a_name_that_comes_twice_counts_as_it_does_last() {
        let body = r#"{"a":{"b":1},"a":{"c":2}}"#;
        assert_eq!(said(body, exists("/a/b", false)), "");
        assert_eq!(said(body, equals("/a/c", json!(2))), "");
    }

    proptest! {
        #[test]
        fn any_json_answers_as_its_tree_does(
            body in r#"[\[\]{},:"a-c0-9 ]{0,20}|\{"a":(\[1,"b"\]|\{"b":[0-9]\}|"c")\}"#,
            pointer in "(/[a-c0-2]?){0,3}",
        ) {
            let said = said(&body, exists(&pointer, true));
            match serde_json::from_str::<Value>(&body) {
                Ok(tree) => prop_assert_eq!(said.is_empty(), tree.pointer(&pointer).is_some(), "{}", said),
                Err(_) => prop_assert!(said.starts_with("is no JSON")),
            }
        }
    }
}
