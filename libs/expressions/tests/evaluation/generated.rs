//! Documents, and expressions that are mostly right about them: what is asked of a list is mostly asked of one.
use crate::written;
use crds::external_source::Language;
use expressions::Program;
use proptest::{
    collection::{btree_map, vec},
    option,
    prelude::*,
    sample::select,
};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, fmt};

/// What is asked about what.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) data: Vec<u8>,
    pub(crate) transform: Option<Program>,
    pub(crate) others: Vec<Program>,
}

/// With data that can be read.
impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, headers, data, transform, others } = self;
        write!(f, "{status} {headers:?} {:?} {transform:?} {others:?}", String::from_utf8_lossy(data))
    }
}

/// How deep operations are within each other.
const DEPTH: u32 = 4;

/// The names that documents have and expressions ask for.
const NAMES: [&str; 4] = ["a", "b", "c", "d"];

pub(crate) fn case() -> impl Strategy<Value = Case> {
    let expressions = (option::weighted(0.2, program()), vec(program(), 1..3));
    let headers = (btree_map("x-[a-d]", "[a-z]{0,4}", 0..3), option::of(Just("application/yaml"))).prop_map(
        |(mut headers, content_type)| {
            headers.extend(content_type.map(|value| ("content-type".to_owned(), value.to_owned())));
            headers
        },
    );
    (100..600_u16, headers, data(), expressions).prop_map(|(status, headers, data, (transform, others))| {
        Case { status, headers, data, transform, others }
    })
}

fn data() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => document().prop_map(|document| document.to_string().into_bytes()),
        1 => any::<String>().prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..32),
    ]
}

/// An object whose `a` is mostly a text, `b` an object, `c` a number and `d` a list.
fn document() -> impl Strategy<Value = Value> {
    let number = || prop_oneof![4 => -9..9_i64, 1 => any::<i64>()].prop_map(Value::from);
    let text = || "[a-z ]{0,6}".prop_map(Value::from);
    let leaf = prop_oneof![
        number(),
        text(),
        any::<f64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
    ];
    let inner = leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![vec(inner.clone(), 0..5).prop_map(Value::from), object(inner).prop_map(Value::from)]
    });
    let parts = (
        text(),
        object(inner.clone()),
        number(),
        vec(inner.clone(), 0..6),
        option::weighted(0.2, object(inner)),
    );
    parts.prop_map(|(a, b, c, d, instead)| match instead {
        Some(instead) => instead.into(),
        None => serde_json::json!({ "a": a, "b": b, "c": c, "d": d }),
    })
}

fn object(of: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    btree_map(select(&NAMES[..]).prop_map(str::to_owned), of, 0..5).prop_map(Map::from_iter)
}

fn program() -> impl Strategy<Value = Program> {
    let of = |language| move |text| Program { language, text };
    prop_oneof![
        2 => bound().prop_map(of(Language::Cel)),
        1 => written::jq(DEPTH).prop_map(of(Language::Jq)),
        1 => written::template(DEPTH).prop_map(of(Language::Template)),
    ]
}

/// An expression that may use `x` and `y`, which are bound around it.
fn bound() -> impl Strategy<Value = String> {
    anything(DEPTH).prop_map(|inner| format!("[body].map(x, [headers].map(y, {inner}))[0][0]"))
}

/// What is of one type: as it stands, and as it is made. In what is made, `@n` stands for a number, `@t` for a text, and so on.
struct Kind {
    known: &'static [&'static str],
    made: &'static [&'static str],
}

const NUMBERS: Kind = Kind {
    known: &["0", "1", "-3", "7", "status", "9223372036854775807", "size(headers)", "body.c"],
    made: &[
        "(@n + @n)",
        "(@n - @n)",
        "(@n * @n)",
        "(@n / @n)",
        "(@n % @n)",
        "(@b ? @n : @n)",
        "size(@l)",
        "size(@m)",
        "size(@t)",
        "int(string(@n))",
        "int(@a)",
        "@t.indexOf(@t)",
        "@l[@n]",
    ],
};

const TEXTS: Kind = Kind {
    known: &["'a'", "'%s'", "'äß,🦀'", "''", "body.a", "y[?'x-a'].orValue('')", "string(status)"],
    made: &[
        "(@t + @t)",
        "string(@n)",
        "string(@a)",
        "@t.upperAscii()",
        "@t.replace(@t, @t)",
        "@t.substring(@n)",
        "@t.charAt(@n)",
        "@t.trim()",
        "@t.reverse()",
        "@l.join(@t)",
        "@l.map(x, @t).join(',')",
        "@m.map(k, string(k)).join(' ')",
        "@t.format([@a])",
        "'%s %s'.format([@m, @l])",
        "base64.encode(bytes(@t))",
        "string(base64.decode(@t))",
    ],
};

const TRUTHS: Kind = Kind {
    known: &["true", "false", "has(body.a)", "'a' in body"],
    made: &[
        "(@a == @a)",
        "(@n < @n)",
        "(@t >= @t)",
        "(@b && @b)",
        "(@b || @b)",
        "!@b",
        "(@a in @l)",
        "(@t in @m)",
        "@t.matches(@t)",
        "@t.contains(@t)",
        "@l.all(x, @b)",
        "@l.exists(x, @b)",
        "@m.exists_one(k, @b)",
        "@m.all(k, @a == k)",
    ],
};

const LISTS: Kind = Kind {
    known: &[
        "[]",
        "[1, 2, 3]",
        "body.d",
        "[body, headers]",
        "lists.range(9)",
        "lists.range(5000)",
        "lists.range(300000)",
    ],
    made: &[
        "[@a]",
        "[@a, @a]",
        "(@l + @l)",
        "@l.map(x, @a)",
        "@l.map(x, @l)",
        "@m.map(k, @a)",
        "@m.map(k, k)",
        "@l.map(x, @b, @a)",
        "@l.filter(x, @b)",
        "@m.filter(x, @b)",
        "@l.flatten()",
        "@l.sort()",
        "@l.distinct()",
        "@l.reverse()",
        "@l.slice(@n, @n)",
        "@l.sortBy(x, @a)",
        "@m.map(k, k).sortBy(x, @n)",
        "@t.split(@t)",
    ],
};

const MAPS: Kind = Kind {
    known: &["{}", "body", "headers", "y", "body.b", "{'a': 1, 'b': [2]}", "{1: 'a', '1': 'b', true: 'c'}"],
    made: &["{@t: @a}", "{@t: @a, @t: @a}", "{@n: @a, @t: @b}", "@l[@n]", "@m[@t]", "(@b ? @m : @m)"],
};

const OTHERS: Kind = Kind {
    known: &["x", "null", "2u", "1.5", "type(body)", "body[0]", "b'\\xff'"],
    made: &["@n", "@t", "@b", "@l", "@m", "@m[@t]", "@m.?a.orValue(@a)", "dyn(@a)", "type(@a)", "bytes(@t)"],
};

fn kind(letter: char) -> &'static Kind {
    match letter {
        'n' => &NUMBERS,
        't' => &TEXTS,
        'b' => &TRUTHS,
        'l' => &LISTS,
        'm' => &MAPS,
        _ => &OTHERS,
    }
}

fn anything(depth: u32) -> BoxedStrategy<String> {
    expression('a', depth)
}

fn expression(letter: char, depth: u32) -> BoxedStrategy<String> {
    let Kind { known, made } = kind(letter);
    let known = select(*known).prop_map(str::to_owned);
    if depth == 0 {
        return known.boxed();
    }
    let made = select(*made).prop_flat_map(move |form| filled(form, depth - 1));
    // What is of another type must be told, and is no more than that.
    let any = Just(()).prop_flat_map(move |()| anything(depth - 1));
    prop_oneof![2 => known, 10 => made, 1 => any].boxed()
}

fn filled(form: &'static str, depth: u32) -> BoxedStrategy<String> {
    let mut forms = form.split('@');
    let before = forms.next().unwrap_or_default();
    let part = |after: &'static str| {
        let letter = after.chars().next().expect("a letter follows");
        expression(letter, depth).prop_map(move |part| part + &after[1..])
    };
    let parts: Vec<_> = forms.map(part).collect();
    parts.prop_map(move |parts| before.to_owned() + &parts.concat()).boxed()
}
