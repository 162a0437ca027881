//! What is an expression in jq, and what one makes.
use super::*;

fn evaluate(body: &str, text: &str) -> Result<String, String> {
    let headers = BTreeMap::from([("x-region".to_owned(), "eu".to_owned())]);
    let mut jq = Jq::new(203, &headers);
    jq.set_body(body.as_bytes().to_vec(), Form::Unsaid);
    Ok(String::from_utf8_lossy(&jq.evaluate(text)?).into_owned())
}

fn problem(text: &str) -> String {
    Program::parse(text).err().expect(text).to_string()
}

#[test]
fn an_expression_makes_json_text_or_lines() {
    let body = r#"{"items": [{"b": 2, "a": "x"}, {"b": 3.5, "a": "y"}], "data": "aGk=", "big": 18446744073709551615}"#;
    for (text, made) in [
        (".items", r#"[{"a":"x","b":2},{"a":"y","b":3.5}]"#),
        (".items[].a", "x\ny\n"),
        (".items | map(select(.b > 2) | .a) | .[0]", "y"),
        (".data | @base64d", "hi"),
        ("{z: 1, a: null}", r#"{"a":null,"z":1}"#),
        ("\"\\($status) \\($headers[\"x-region\"])\"", "203 eu"),
        (".missing // \"none\"", "none"),
        (".big", "18446744073709551615"),
        ("[.items[] | .b] | add", "5.5"),
        (".items[0].a | test(\"^[a-z]$\")", "true"),
        ("[.items[].a | sub(\"x\"; \"z\")] | join(\"-\")", "z-y"),
        ("def twice: . + .; .items[1].a | twice", "yy"),
        ("reduce .items[] as $i (0; . + $i.b) | floor", "5"),
        ("[limit(3; repeat(1))]", "[1,1,1]"),
        ("@json \"a \\(.items[0])\"", r#"a {"b":2,"a":"x"}"#),
        ("0 | todate", "1970-01-01T00:00:00Z"),
    ] {
        assert_eq!(evaluate(body, text).as_deref(), Ok(made), "{text}");
    }
    assert_eq!(evaluate("a: 1\n", ".a + 1").as_deref(), Ok("2"));
    assert_eq!(evaluate("only text", "ascii_upcase").as_deref(), Ok("ONLY TEXT"));
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (text, told) in [
        (".a |", "line 1, column 5: term is expected"),
        ("{\n  a: [1,,2]\n}", "line 2, column 9: term is expected"),
        ("(.a", "line 1, column 4: closing parenthesis is expected"),
        ("\"a", "line 1, column 3: closing quote is expected"),
        (".a & .b", "line 1, column 4: token is expected"),
        ("", "line 1, column 1: term is expected"),
        ("$body", "line 1, column 1: there is no variable $body; there are $headers and $status"),
        (".a | nope(1; 2)", "line 1, column 6: there is no function nope of 2 arguments"),
        ("break $x", "line 1, column 7: there is no label $x"),
    ] {
        assert_eq!(problem(text), told, "{text}");
    }
}

#[test]
fn nothing_reaches_out_of_the_data() {
    for text in ["now", "env", "localtime", "strflocaltime(\"%Y\")", "debug", "stderr", "halt", "halt_error"]
    {
        let told = problem(text);
        assert!(told.ends_with("is left out: what is made follows from the data alone"), "{text}: {told}");
    }
    for text in ["$ENV", "$ENV.PATH", "input", "inputs", "input_filename", "$__prog_args", "get_search_list"]
    {
        let told = problem(text);
        assert!(told.contains("there is no "), "{text}: {told}");
    }
    for text in [
        "import \"a\" as a; .",
        "include \"/etc/passwd\"; .",
        "import \"a\" as $a; $a",
        "import \"a\" as $a; .",
    ] {
        let told = problem(text);
        assert!(told.ends_with("there are no modules to import or include"), "{text}: {told}");
    }
}

#[test]
fn what_is_told_of_a_failure_holds_nothing_of_the_data() {
    let body = r#"{"secret": "canary-7b1c", "list": ["canary-7b1c"], "canary-7b1c": 1}"#;
    for (text, told) in [
        (".list.a", "a value is asked for what it cannot hold (the input is of type object)"),
        (".secret + 1", "values of these types cannot be calculated with (the input is of type object)"),
        (".secret | sort", "a value is no array (the input is of type object)"),
        ("error(\"no apps\")", "no apps (the input is of type object)"),
        ("error(.secret)", "it fails for this data (the input is of type object)"),
        ("empty", "it has no result (the input is of type object)"),
        ("1 / 0", "the result holds a number that JSON does not have"),
        ("[.secret | tobytes]", "the result holds bytes, for which JSON has no word; @base64 makes text"),
        ("{(1 | tostring): 1, \"a\": nan}", "the result holds a number that JSON does not have"),
    ] {
        assert_eq!(evaluate(body, text), Err(told.to_owned()), "{text}");
    }
    for text in [
        ".[]|.[]|.a",
        ".secret[0]",
        ".list[.secret]",
        "-.secret",
        ".secret | fromjson",
        ".secret | tonumber",
        ".secret | test(\"(\")",
        ".secret as $s | \"a\" | test($s; \"q\")",
        ".secret | @base64d",
        ".secret | strptime(\"%Y\")",
        ".secret | error",
        ".list | error",
        "error",
        "error(null)",
        ".secret | has(\"a\")",
        ".secret | implode",
        ".secret | ltrimstr(1) | keys",
        "[.secret] | .[0:1] = 1",
        "path(.secret | ascii_downcase)",
        ".secret | splits(1)",
        "label $out | .secret | limit(1; .[])",
        "{(.list): 1}",
        ".secret | getpath([\"a\", 1])",
        ".secret | .[\"canary\"] |= 1",
    ] {
        let told = evaluate(body, text).expect_err(text);
        assert!(!told.contains("canary-7b1c"), "{text}: {told}");
    }
}

#[test]
fn what_is_too_deep_or_too_long_is_refused_with_its_place() {
    let of = |before: &str, after: &str, count| before.repeat(count) + "1" + &after.repeat(count);
    assert!(Program::parse(&of("[", "]", 48)).is_ok());
    assert_eq!(
        problem(&of("[", "]", 49)),
        "line 1, column 50: it has more than 48 brackets within each other"
    );
    assert_eq!(
        problem(&of("\"\\(", ")\"", 60)),
        "line 1, column 148: it has more than 48 brackets within each other"
    );
    assert_eq!(problem(&of("", "+1", 1024)), "line 1, column 2049: it has more than 2048 words and signs");
}
