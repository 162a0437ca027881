//! What is an expression in CEL, and what one makes.
use super::*;
use proptest::prelude::*;

fn document(body: &str) -> Cel {
    let headers = BTreeMap::from([("x-region".to_owned(), "eu".to_owned())]);
    let mut document = Cel::new(203, &headers);
    document.set_body(body.as_bytes().to_vec(), Form::Other);
    document
}

fn evaluate(body: &str, text: &str) -> Result<String, String> {
    let made = document(body).evaluate(text)?;
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

fn problem(text: &str) -> String {
    Program::parse(text).expect_err(text).to_string()
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    assert_eq!(problem("1 +"), "line 1, column 4: mismatched input '<EOF>' expecting expression");
    assert_eq!(problem("{\n  'a': [1,,2]\n}"), "line 2, column 11: unexpected token");
    assert_eq!(problem("bdy.items"), "there is no variable bdy; there are body, headers and status");
    assert!(problem("").starts_with("line 1, column 1: "));
}

#[test]
fn what_the_language_has_is_an_expression() {
    for good in [
        "body",
        "body.items.map(item, item.name)",
        "body.items.filter(i, i.n > 1).map(i, {'name': i.name, 'text': string(i.n)})",
        "has(body.a) ? body.a : headers['content-type']",
        "status == 200 && body.all(k, k != '') || body.exists_one(x, x == 1)",
        "body.?a.orValue('none')",
        "base64.decode(body.data)",
        "[body, headers].map(x, x.map(y, [x, y]))",
        "type(body) == map",
        "size(body) > 3 ? 'a' : b'\\xff'",
    ] {
        assert!(Program::parse(good).is_ok(), "{good}: {}", problem(good));
    }
}

#[test]
fn a_variable_of_a_macro_is_known_inside_of_it_alone() {
    assert_eq!(problem("[1].map(x, x) + [x]"), "there is no variable x; there are body, headers and status");
    assert!(Program::parse("[1].map(x, [x].map(y, x + y))").is_ok());
}

/// The stack of a thread that serves is 2 MiB.
#[test]
fn no_text_is_too_deep_for_a_stack() {
    let of = |before: &str, inner: &str, after: &str, count: usize| {
        before.repeat(count) + inner + &after.repeat(count)
    };
    let deep = move || {
        for text in [
            of("(", "1", ")", 2000),
            of("[", "1", "]", 2000),
            of("{1:", "1", "}", 1000),
            of("!", "true", "", 4000),
            of("-", "status", "", 4000),
            of("size(", "1", ")", 600),
            of("[1].map(x,", "1", ")", 370),
            of("", "1", "+1", 2000),
            of("", "body", ".a", 2000),
            of("", "body", "[0]", 1300),
            of("", "body", ".a()", 1000),
            of("true?1:", "1", "", 580),
            of("1?", "1", ":1", 1000),
            of("", "true", "&&true", 680),
            of("", "true", "||true", 680),
            of("", "1", " in [1]", 580),
            of("a{b:", "1", "}", 800),
        ] {
            let told = Program::parse(&text).err();
            assert!(told.is_none_or(|malformed| malformed.to_string().len() < 300));
        }
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(deep).unwrap().join().unwrap();
}

#[test]
fn what_json_has_no_word_for_is_refused() {
    assert!(encode(&Value::Float(f64::NAN)).is_err());
    let function = Value::Function(Arc::new("f".into()), None);
    assert_eq!(encode(&function), Err("the result is or holds a value of type function".into()));
}

proptest! {
    #[test]
    fn any_document_comes_back_with_sorted_names(
        names in proptest::collection::vec("[a-z]{1,3}", 1..8),
        numbers in proptest::collection::vec(any::<i64>(), 0..4),
        text in any::<String>(),
    ) {
        let mut document = serde_json::Map::new();
        for name in names {
            document.insert(name, serde_json::json!({ "numbers": numbers, "text": text, "none": null }));
        }
        let written = serde_json::Value::from(document).to_string();
        let back = encode(&decode(written.clone().into_bytes(), Form::Other)).unwrap();
        prop_assert_eq!(String::from_utf8(back).unwrap(), written);
    }
}
