//! What data is, as CEL sees it: the other languages are read into by the same function.
use super::*;
use ::cel::Value;
use proptest::prelude::*;

fn kind(data: &[u8], form: Form) -> String {
    decode::<Value>(data.to_vec(), form).type_of().to_string()
}

/// A document of YAML as JSON.
fn json(yaml: &str) -> String {
    let value = decode::<Value>(yaml.as_bytes().to_vec(), Form::Yaml);
    String::from_utf8(crate::cel::encode(&value).expect(yaml)).expect("text")
}

#[test]
fn the_data_says_what_it_is() {
    for (data, wanted) in [
        (&b" {\"a\": 1}\n"[..], "map"),
        (b"[1]", "list"),
        (b"{\"a\": 1", "string"),
        (b"1", "string"),
        (b"\"a\"", "string"),
        (b"", "string"),
        (b"a: 1\n", "string"),
        (b"\xff\xfe", "bytes"),
    ] {
        assert_eq!(kind(data, Form::Other), wanted, "{data:?}");
    }
}

#[test]
fn yaml_is_a_document_unless_the_source_says_otherwise() {
    for form in [Form::Yaml, Form::Unsaid] {
        for (data, wanted) in [
            (&b"a: 1\n"[..], "map"),
            (b"- 1\n- 2\n", "list"),
            (b"--- \na: 1\n--- \nb: 2\n", "list"),
            (b"# nothing\n", "string"),
            (b"only words", "string"),
            (b"a: [1", "string"),
            (b"a: 1\na: 2\n", "string"),
            (b"\xffa: 1\n", "bytes"),
        ] {
            assert_eq!(kind(data, form), wanted, "{:?}", String::from_utf8_lossy(data));
        }
    }
}

#[test]
fn the_content_type_says_what_the_form_is() {
    for (header, form) in [
        (Some("application/yaml; charset=utf-8"), Form::Yaml),
        (Some("Text/X-YAML"), Form::Yaml),
        (Some("application/openapi+yaml"), Form::Yaml),
        (Some("application/octet-stream"), Form::Unsaid),
        (None, Form::Unsaid),
        (Some("text/plain"), Form::Other),
        (Some("application/json"), Form::Other),
    ] {
        let headers = header.map(|value| ("content-type".to_owned(), value.to_owned()));
        assert_eq!(Form::of(&headers.into_iter().collect()), form, "{header:?}");
    }
}

#[test]
fn yaml_is_read_as_kubectl_reads_it() {
    let text = "mode: 0644\non: true\nflag: yes\nsize: 0x10\nnone: ~\ntext: \"1\"\nreal: 1.5\n1: one\nfree: &a [x]\nsame: *a\n";
    let expected = r#"{"1":"one","flag":true,"free":["x"],"mode":420,"none":null,"on":true,"real":1.5,"same":["x"],"size":16,"text":"1"}"#;
    assert_eq!(json(text), expected);
    assert_eq!(
        json("base: &b {a: 1}\nmore:\n  <<: *b\n  c: 2\n"),
        r#"{"base":{"a":1},"more":{"a":1,"c":2}}"#
    );
    assert_eq!(json("a: 1\n---\nb: .inf\n...\n"), r#"[{"a":1},{"b":".inf"}]"#);
}

#[test]
fn tags_make_nothing_and_nothing_is_included() {
    assert_eq!(json("a: !Ref name\nb: !!python/object:os.system [id]\n"), r#"{"a":"name","b":["id"]}"#);
    for text in ["a: !include /etc/passwd\n", "a: ${HOME}\n"] {
        let told = String::from_utf8(crate::cel::encode(&decode::<Value>(text.into(), Form::Yaml)).unwrap());
        let told = told.expect("text");
        assert!(
            !told.contains("root:")
                && (told == text || told.contains("${HOME}") || told.contains("/etc/passwd")),
            "{told}"
        );
    }
}

/// Ten aliases of ten aliases, ten times over.
#[test]
fn a_document_that_grows_without_end_is_text() {
    let mut text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..10 {
        let below = format!("*a{}", level - 1);
        text += &format!("a{level}: &a{level} [{}]\n", vec![below; 10].join(","));
    }
    let deep = format!("a: {}1{}\n", "[".repeat(100), "]".repeat(100));
    let many = "--- {}\n".repeat(2000);
    for text in [text, deep, many] {
        assert_eq!(kind(text.as_bytes(), Form::Yaml), "string", "{}", &text[..20]);
    }
}

#[test]
fn numbers_are_those_that_expressions_write() {
    for form in [Form::Other, Form::Yaml] {
        let Value::List(list) = decode(b"[1, -1, 18446744073709551615, 1.5]".to_vec(), form) else {
            panic!("a list")
        };
        let expected = [Value::Int(1), Value::Int(-1), Value::UInt(u64::MAX), Value::Float(1.5)];
        assert_eq!(list.as_slice(), expected);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_something(
        data in proptest::collection::vec(any::<u8>(), 0..64),
        form in prop_oneof![Just(Form::Yaml), Just(Form::Unsaid), Just(Form::Other)],
    ) {
        let value = decode::<Value>(data.clone(), form);
        if !value.is_document() {
            prop_assert_eq!(crate::cel::encode(&value).unwrap(), data);
        }
    }

    #[test]
    fn any_text_of_the_signs_of_yaml_is_something(text in r"([&*!|>%@:,{}\[\]#?\n '-]|\t|<<|---|\.\.\.|[a-c]|[0-9]){0,80}") {
        let value = decode::<Value>(text.clone().into_bytes(), Form::Yaml);
        prop_assert!(value.is_document() || crate::cel::encode(&value).unwrap() == text.as_bytes());
    }

    #[test]
    fn any_json_is_the_same_as_yaml(numbers in proptest::collection::vec(any::<i64>(), 0..5), text in "[a-z \"\\\\\n]{0,9}") {
        let document = serde_json::json!({ "numbers": numbers, "text": text, "none": null }).to_string();
        prop_assert_eq!(json(&format!("# as YAML\n{document}")), document_sorted(&document));
    }
}

fn document_sorted(document: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(document).expect("JSON");
    value.to_string()
}
