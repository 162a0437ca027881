//! Data that expressions can be asked about.
use crate::{
    Expression, order,
    told::told,
    value::{decode, encode},
};
use cel::{Context, Env, Value, extensions, objects::Map};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// The variables of expressions.
pub(crate) struct Document {
    context: Context<'static, 'static>,
    /// What `body` is.
    kind: String,
}

impl Document {
    pub(crate) fn new(status: u16, headers: &BTreeMap<String, String>) -> Self {
        let mut context = Context::with_env(Arc::new(environment()));
        let headers: HashMap<String, String> = headers.clone().into_iter().collect();
        context.add_variable_from_value("headers", Value::Map(Map::from(headers)));
        context.add_variable_from_value("status", Value::Int(status.into()));
        Self { context, kind: String::new() }
    }

    /// From now on, `body` is that.
    pub(crate) fn set_body(&mut self, data: Vec<u8>) {
        let body = decode(data);
        self.kind = body.type_of().to_string();
        self.context.add_variable_from_value("body", body);
    }

    /// What an expression makes of it; `text` is what it was read from.
    ///
    /// # Errors
    /// It has no value here, or one that is no data; says so in words that hold nothing of the data.
    pub(crate) fn evaluate(&self, expression: &Expression, text: &str) -> Result<Vec<u8>, String> {
        let value = Value::resolve(&expression.tree, &self.context);
        value
            .map_err(|error| format!("{} (body is of type {})", told(&error, text), self.kind))
            .and_then(|value| encode(&value))
    }
}

/// What the language has beyond its core: functions on texts and lists, and base64. What an expression makes follows from its
/// variables alone, so it has no clock.
fn environment() -> Env {
    let mut environment = Env::stdlib();
    for extension in [extensions::strings, extensions::lists, extensions::encoders] {
        environment.add_extension(extension).expect("each is added once");
    }
    order::declare(&mut environment);
    environment
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(body: &str) -> Document {
        let headers = BTreeMap::from([("x-region".to_owned(), "eu".to_owned())]);
        let mut document = Document::new(203, &headers);
        document.set_body(body.as_bytes().to_vec());
        document
    }

    fn evaluate(body: &str, text: &str) -> Result<String, String> {
        let made =
            document(body).evaluate(&Expression::parse(text).map_err(|error| error.to_string())?, text)?;
        Ok(String::from_utf8_lossy(&made).into_owned())
    }

    #[test]
    fn an_expression_makes_json_text_or_bytes() {
        let body = r#"{"items": [{"b": 2, "a": "x"}, {"b": 3.5, "a": "y"}], "data": "aGk="}"#;
        for (text, made) in [
            ("body.items", r#"[{"a":"x","b":2},{"a":"y","b":3.5}]"#),
            ("body.items.map(i, i.a)", r#"["x","y"]"#),
            ("body.items.filter(i, i.b > 2.0)[0].a", "y"),
            ("base64.decode(body.data)", "hi"),
            ("{'z': 1, 'a': b'hi', 'n': null}", r#"{"a":"aGk=","n":null,"z":1}"#),
            ("status == 203 ? headers['x-region'].upperAscii() : ''", "EU"),
            ("body.?missing.orValue('none')", "none"),
            ("body.items.map(i, i.a).join('-')", "x-y"),
            ("'%s: %d'.format([body.items[0].a, body.items[0].b])", "x: 2"),
            ("size(body.items) == 2", "true"),
            ("body.items[0].a.matches('^[a-z]$')", "true"),
        ] {
            assert_eq!(evaluate(body, text).as_deref(), Ok(made), "{text}");
        }
        assert_eq!(evaluate("a: 1\n", "'# made\\n' + body").as_deref(), Ok("# made\na: 1\n"));
    }

    #[test]
    fn what_is_told_of_a_failure_holds_nothing_of_the_data() {
        let body = r#"{"secret": "canary-7b1c", "list": ["canary-7b1c"], "canary-7b1c": 1}"#;
        for (text, told) in [
            ("body.missing", "there is no key missing (body is of type map)"),
            ("body[body.secret + 'x']", "there is no key (body is of type map)"),
            ("body + 1", "add cannot take map and int (body is of type map)"),
            ("int(body.secret)", "function int failed (body is of type map)"),
            ("body.list[9]", "an index is beyond the end of a list (body is of type map)"),
            ("body.secret.nope()", "there is no function or variable nope (body is of type map)"),
        ] {
            assert_eq!(evaluate(body, text), Err(told.to_owned()), "{text}");
        }
        for text in [
            "body.secret + 1",
            "body < 1",
            "body.secret[0]",
            "body.list[body.secret]",
            "-body.secret",
            "!body.list",
            "body.secret ? 1 : 2",
            "{body: 1}",
            "{body.secret: 1, body.secret: 2}",
            "body.secret.matches('(')",
            "size(1)",
            "body.secret.map(x, x)",
            "body.list.all(x, x)",
            "timestamp(body.secret)",
            "uint(body.secret)",
            "double(body.secret)",
            "bool(body.secret)",
            "base64.decode(body.secret)",
            "1 in body.secret",
            "(body.secret + '%s').format([])",
            "body.secret.charAt(99)",
            "body.secret.substring(99)",
            "body.list.join(1)",
            "'%d'.format([body.secret])",
            "bytes(body.list)",
            "body.secret / 0",
            "1 / (size(body.list) - 1)",
            "9223372036854775807 + size(body.list)",
            "body.list.flatten(-1)",
        ] {
            let outcome = evaluate(body, text);
            let told = outcome.expect_err(text);
            assert!(!told.contains("canary"), "{text}: {told}");
        }
    }
}
