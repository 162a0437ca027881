//! The same of jq and of templates, and of YAML, which all languages are asked about.
use super::{evaluate, told_in, transform_in};
use anyhow::Result;
use crds::external_source::Language::{self, Cel, Jq, Template};
use expressions::Input;
use std::collections::BTreeMap;

const TIME: &str = "takes more than 100 ms of processor time";
const MEMORY: &str = "takes more than 64 MiB of memory, the data and what is made of it included";

#[tokio::test]
async fn what_one_language_makes_the_others_go_on_with() -> Result<()> {
    let headers = BTreeMap::from([("content-type".to_owned(), "application/yaml".to_owned())]);
    let data = "apps:\n  - &web {name: web, port: 80}\n  - <<: *web\n    name: api\n";
    let yaml = |language, text: &str| Input { headers: headers.clone(), ..transform_in(language, text) };
    for (language, text) in [
        (Cel, "body.apps.map(app, '%s:%d'.format([app.name, app.port])).join(' ')"),
        (Jq, "[.apps[] | \"\\(.name):\\(.port)\"] | join(\" \")"),
        (
            Template,
            "{% for app in body.apps %}{{ app.name }}:{{ app.port }}{{ '' if loop.last else ' ' }}{% endfor %}",
        ),
    ] {
        assert_eq!(evaluate(&yaml(language, text), data).await??, ["web:80 api:80"], "{language:?}");
    }
    let others = [(Cel, "body[1]"), (Template, "{{ body[0] }} {{ status }}"), (Jq, "length, $headers")]
        .map(|(language, text)| super::named("spec.layout[0]", language, text));
    let input = Input { others: others.into(), ..yaml(Jq, "[.apps[].name]") };
    let made = evaluate(&input, data).await??;
    assert_eq!(made, ["api", "web 200", "2\n{\"content-type\":\"application/yaml\"}\n"]);
    Ok(())
}

#[tokio::test]
async fn what_has_no_end_ends_at_its_time_or_at_its_memory_in_each_language() -> Result<()> {
    let endless = |text: &str| {
        format!("{0}{text}{1}", "{% for a in range(9999) %}".repeat(3), "{% endfor %}".repeat(3))
    };
    for (language, text, ends) in [
        (Jq, "def f: f; f", &[TIME][..]),
        (Jq, "def f: 1 + f; f", &[TIME, MEMORY, "goes too deep"]),
        (Jq, "[repeat(1)]", &[TIME, MEMORY]),
        (Jq, "repeat(1)", &[TIME, MEMORY]),
        (Jq, "[range(1e12)]", &[TIME, MEMORY]),
        (Jq, "last(range(1e12))", &[TIME]),
        (Jq, "\"a\" * 1000000000", &[MEMORY]),
        (Jq, "reduce range(1e9) as $x (\"a\"; . + .)", &[MEMORY]),
        (Jq, "reduce range(100000) as $x (0; [.]) | tojson", &[TIME, MEMORY, "goes too deep"]),
        (Jq, "0 | until(false; . + 1)", &[TIME]),
        (Template, &endless(""), &[TIME]),
        (Template, &endless("{{ body }}"), &[TIME, MEMORY]),
        (Template, "{{ 'a' * 99999999 }}", &[MEMORY]),
        (
            Template,
            "{% set ns = namespace(t='aaaaaaaa') %}{% for a in range(99) %}{% set ns.t = ns.t ~ ns.t %}{% endfor %}",
            &[MEMORY],
        ),
        (Template, "{{ [1] * 99999999 }}", &[TIME, MEMORY]),
    ] {
        let told = told_in(language, text, "data").await?;
        let field = format!("spec.transform.{}: ", language.field());
        let problem = told.strip_prefix(&field).unwrap_or(&told);
        assert!(ends.contains(&problem), "{text}: {told}");
    }
    let many = transform_in(Jq, "\"a\" * 17000000");
    let error = evaluate(&many, "").await?.expect_err("too much").to_string();
    assert_eq!(error, "spec.transform.jq: all results together have more than 16 MiB");
    Ok(())
}

/// A million times a million values, and documents that are far too deep.
#[tokio::test]
async fn yaml_that_is_made_to_hurt_is_text_or_too_much() -> Result<()> {
    let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..12 {
        bomb += &format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 10].join(","));
    }
    let deep = format!("a: {}", "[".repeat(1 << 20));
    let indented: String = (0..2000).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    for data in [bomb, deep, indented] {
        for (language, text) in [
            (Cel, "string(type(body) == string)"),
            (Jq, "type == \"string\""),
            (Template, "{{ 'true' if body is string else 'false' }}"),
        ] {
            let made = evaluate(&transform_in(language, text), data.clone()).await?;
            assert_eq!(made?, ["true"], "{language:?}: {}", &data[..20]);
        }
    }
    let told = told_in(Cel, "size(body)", "- 1\n".repeat(900_000)).await?;
    assert!([TIME, MEMORY].iter().any(|end| told == format!("spec.transform.cel: {end}")), "{told}");
    Ok(())
}

#[tokio::test]
async fn what_is_deep_can_be_evaluated() -> Result<()> {
    let of = |language: Language, before: &str, inner: &str, after: &str, count: usize| {
        (language, before.repeat(count) + inner + &after.repeat(count))
    };
    for (language, text) in [
        of(Jq, "[", ".", "]", 48),
        of(Jq, "-", "1", "", 400),
        of(Jq, "", ".", "|.", 1000),
        of(Jq, "", "1", "+1", 1000),
        of(Jq, "", ".", ",.", 1000),
        of(Jq, "try ", ".", "", 500),
        of(Jq, ". as $x|", ".", "", 400),
        of(Jq, "def f:.;", ".", "", 400),
        of(Jq, "if . then ", ".", " end", 500),
        of(Template, "{% if body %}", "x", "{% endif %}", 100),
        (Template, format!("{{{{ 1{} }}}}", "+1".repeat(2000))),
    ] {
        assert!(!evaluate(&transform_in(language, &text), "1").await??.is_empty(), "{text}");
    }
    Ok(())
}
