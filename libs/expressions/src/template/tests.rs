//! What is a template, and what one makes.
use super::*;

fn evaluate(body: &str, text: &str) -> Result<String, String> {
    let headers = BTreeMap::from([("x-region".to_owned(), "eu".to_owned())]);
    let mut template = Template::new(203, &headers);
    template.set_body(body.as_bytes().to_vec(), Form::Unsaid);
    Ok(String::from_utf8_lossy(&template.evaluate(text)?).into_owned())
}

fn problem(text: &str) -> String {
    Program::parse(text).expect_err(text).to_string()
}

#[test]
fn a_template_makes_text() {
    let body = r#"{"apps": [{"name": "web", "port": 80}, {"name": "api", "port": 8080}], "html": "<b>&", "none": null}"#;
    let listing =
        "apps:\n{% for app in body.apps %}\n  - {{ app.name }}: {{ app.port }}\n{% endfor %}\nend\n";
    for (text, made) in [
        (listing, "apps:\n  - web: 80\n  - api: 8080\nend\n"),
        ("{{ body.html }}", "<b>&"),
        ("{{ status }} {{ headers['x-region'] | upper }}", "203 EU"),
        ("{{ body.apps | map(attribute='name') | join('-') }}", "web-api"),
        ("{{ body.missing | default('none') }}", "none"),
        ("{% if body.apps | length > 1 %}many{% else %}few{% endif %}", "many"),
        (
            "{% set ns = namespace(n=0) %}{% for a in body.apps %}{% set ns.n = ns.n + a.port %}{% endfor %}{{ ns.n }}",
            "8160",
        ),
        ("{{ body.apps[0] | tojson }}", r#"{"name": "web", "port": 80}"#),
        (
            "{% for name, value in body.apps[0] | items %}{{ name }}={{ value }};{% endfor %}",
            "name=web;port=80;",
        ),
        ("{% for n in range(3) %}{{ n }}{% endfor %}", "012"),
        ("{% if body.none is none and status is divisibleby 7 and 'a' in ['a'] %}yes{% endif %}", "yes"),
        ("plain\n", "plain\n"),
        ("", ""),
    ] {
        assert_eq!(evaluate(body, text).as_deref(), Ok(made), "{text}");
    }
    assert_eq!(evaluate("a: 1\n", "{{ body.a + 1 }}").as_deref(), Ok("2"));
    assert_eq!(evaluate("only text", "# made\n{{ body }}").as_deref(), Ok("# made\nonly text"));
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (text, told) in [
        ("{{ body", "line 1: "),
        ("a\n{% for x in body %}\n", "line 2: "),
        ("a\n\n{{ body. }}", "line 3: "),
        ("{% nope %}", "line 1: unknown statement nope"),
        ("{{ bdy.items }}", "there is no variable bdy; there are body, headers and status"),
        ("{{ nope(body) }}", "there is no variable nope; there are body, headers and status"),
        ("{{ body | nope }}", "line 1: unknown filter nope"),
        ("a\n{% if status > 900 %}\n{{ body | upper | nope(1) }}{% endif %}", "line 3: unknown filter nope"),
        ("{% filter nope %}a{% endfilter %}", "line 1: unknown filter nope"),
        ("{{ body.x is nope }}", "line 1: unknown test nope"),
        ("{{ body.x is not divisible by 3 }}", "line 1: "),
        ("{% for a in body if a is nope %}{{ a }}{% endfor %}", "line 1: unknown test nope"),
    ] {
        assert!(problem(text).starts_with(told), "{text}: {}", problem(text));
    }
}

#[test]
fn nothing_reaches_out_of_the_data() {
    for text in [
        "{% include '/etc/passwd' %}",
        "{% import 'a' as a %}",
        "{% from 'a' import b %}",
        "{% extends 'a' %}",
        "{% macro m() %}{% endmacro %}",
        "{{ debug() }}",
        "{{ now() }}",
        "{{ env('HOME') }}",
    ] {
        assert!(Program::parse(text).is_err(), "{text}");
    }
}

#[test]
fn what_is_told_of_a_failure_holds_nothing_of_the_data() {
    let body = r#"{"secret": "canary-7b1c", "list": ["canary-7b1c"], "canary-7b1c": 1}"#;
    for (text, told) in [
        ("a\n{{ body.missing }}", "line 2: undefined value (body is of type map)"),
        ("{{ body.missing.more }}", "line 1: undefined value (body is of type map)"),
        ("{{ body.list | map('nope') | join }}", "line 1: unknown filter (body is of type map)"),
        ("{{ body.list | select('nope') | join }}", "line 1: unknown test (body is of type map)"),
    ] {
        assert_eq!(evaluate(body, text), Err(told.to_owned()), "{text}");
    }
    for text in [
        "{{ body.secret + 1 }}",
        "{{ -body.secret }}",
        "{{ body.secret.nope() }}",
        "{{ body.secret() }}",
        "{{ body.secret | int }}",
        "{{ body.secret | float }}",
        "{{ body.secret | round }}",
        "{% for a, b in body.list %}{{ a }}{% endfor %}",
        "{% for a in body.secret.x %}{{ a }}{% endfor %}",
        "{{ body.list | sum }}",
        "{{ body[body.secret + 'x'] }}",
        "{{ body.secret | items }}",
        "{{ body.list | map(body.secret) }}",
        "{{ body.list | dictsort }}",
        "{{ range(body.secret) }}",
        "{{ body.secret | indent(body.secret) }}",
        "{{ 1 // 0 }}",
        "{{ body.secret | replace(1) }}",
        "{{ dict(body.secret) }}",
        "{{ self.x }}",
        "{{ body.secret | batch(0) | list }}",
    ] {
        let told = evaluate(body, text).expect_err(text);
        assert!(!told.contains("canary-7b1c"), "{text}: {told}");
    }
}
