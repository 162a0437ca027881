//! Expressions in jq, and templates: forms in which `@` stands for any other one.
use proptest::{prelude::*, sample::select};

const JQ: [&str; 18] = [
    ".",
    ".a",
    ".b",
    ".c",
    ".d",
    ".d[]?",
    ".[\"a\"]?",
    "1",
    "-3",
    "\"x,y\"",
    "$status",
    "$headers",
    "null",
    "[]",
    "{}",
    "..",
    "range(9)",
    "[range(300000)]",
];

const JQ_MADE: [&str; 36] = [
    "(@ | @)",
    "(@, @)",
    "(@ + @)",
    "(@ - @)",
    "(@ * @)",
    "(@ / @)",
    "[@]",
    "{a: @, b: @}",
    "{(\"\\(@)\"): @}",
    "[.[]? | @]",
    "(@ | select(@))",
    "(@ // @)",
    "(@ == @)",
    "(@ and @)",
    "if @ then @ else @ end",
    "try (@) catch @",
    "reduce @ as $x (@; @)",
    "foreach @ as $x (0; . + 1; [$x, @])",
    "(@ | tostring | split(\",\"))",
    "(@ | tojson)",
    "(@ | tostring | @base64)",
    "(@ | tostring | gsub(\"[a-c]\"; \"z\"))",
    "(@ | tostring | test(@ | tostring))",
    "[limit(5; @)]",
    "first(@)",
    "(@ | keys?)",
    "(@ | to_entries?)",
    "([@] | sort_by(@))",
    "([@] | group_by(@))",
    "([@] | unique)",
    "(@ | walk(@))",
    "(@ | [paths] | length)",
    "(def f: @; f)",
    "(def f: f; f)",
    "[repeat(@)]",
    "error(@)",
];

const VALUES: [&str; 16] = [
    "body",
    "body.a",
    "body.b",
    "body.c",
    "body.d",
    "headers",
    "status",
    "1",
    "'x,y'",
    "[1, 2]",
    "{'a': 1}",
    "none",
    "range(9)",
    "range(9999)",
    "body.missing",
    "1.5",
];

const VALUES_MADE: [&str; 28] = [
    "(@ + @)",
    "(@ - @)",
    "(@ * @)",
    "(@ // @)",
    "(@ ** @)",
    "(@ ~ @)",
    "[@, @]",
    "{'a': @}",
    "(@ == @)",
    "(@ < @)",
    "(@ and @)",
    "(@ in @)",
    "(@ if @ else @)",
    "(@ | upper)",
    "(@ | length)",
    "(@ | string)",
    "(@ | tojson)",
    "(@ | default(@))",
    "(@ | list)",
    "(@ | join(@))",
    "(@ | sort)",
    "(@ | items)",
    "(@ | dictsort)",
    "(@ | replace(@, @))",
    "(@ | indent(@))",
    "(@ is defined)",
    "(@ | batch(@))",
    "(@ | reverse)",
];

const TEXTS: [&str; 4] = ["", "text ", "\n", "{# nothing #}"];

const TEXTS_MADE: [&str; 7] = [
    "{{ @ }}",
    "{{ @ }}",
    "{% for x in @ %}{{ @ }}{% endfor %}",
    "{% for x in range(9999) %}{% for y in range(9999) %}{{ @ }}{% endfor %}{% endfor %}",
    "{% if @ %}{{ @ }}{% else %}{{ @ }}{% endif %}",
    "{% set x = @ %}{{ @ }}",
    "{% filter upper %}{{ @ }}{% endfilter %}",
];

/// An expression in jq.
pub(crate) fn jq(depth: u32) -> BoxedStrategy<String> {
    of(&JQ, &JQ_MADE, depth)
}

/// A template.
pub(crate) fn template(depth: u32) -> BoxedStrategy<String> {
    let made = select(&TEXTS_MADE[..])
        .prop_flat_map(move |form| filled(form, move || of(&VALUES, &VALUES_MADE, depth - 1)));
    let text = select(&TEXTS[..]).prop_map(str::to_owned);
    proptest::collection::vec(prop_oneof![1 => text, 3 => made], 1..4)
        .prop_map(|parts| parts.concat())
        .boxed()
}

fn of(known: &'static [&'static str], made: &'static [&'static str], depth: u32) -> BoxedStrategy<String> {
    let known_text = select(known).prop_map(str::to_owned);
    if depth == 0 {
        return known_text.boxed();
    }
    let made_text = select(made).prop_flat_map(move |form| filled(form, move || of(known, made, depth - 1)));
    prop_oneof![1 => known_text, 2 => made_text].boxed()
}

fn filled(form: &'static str, part: impl Fn() -> BoxedStrategy<String>) -> BoxedStrategy<String> {
    let mut pieces = pieces(form).into_iter();
    let before = pieces.next().unwrap_or_default();
    let parts: Vec<_> = pieces.map(|after| part().prop_map(move |part| part + after)).collect();
    parts.prop_map(move |parts| before.to_owned() + &parts.concat()).boxed()
}

/// What stands around each place to fill. What jq itself writes with the sign is followed by a letter.
fn pieces(form: &'static str) -> Vec<&'static str> {
    let (mut pieces, mut begin) = (Vec::new(), 0);
    for (at, _) in form.match_indices('@') {
        if !form[at + 1..].starts_with(char::is_alphabetic) {
            pieces.push(&form[begin..at]);
            begin = at + 1;
        }
    }
    pieces.push(&form[begin..]);
    pieces
}
