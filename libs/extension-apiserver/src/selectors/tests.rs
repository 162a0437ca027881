//! Label and field selectors as kube-apiserver reads them.
use super::*;

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn label_selectors_select_as_in_go() {
    let object = labels(&[("app", "web"), ("tier", "2"), ("postern.dev/source", "podinfo"), ("blank", "")]);
    let table = [
        ("", true),
        ("app=web", true),
        ("app==web", true),
        ("app!=web", false),
        ("app = web , tier", true),
        ("postern.dev/source=podinfo", true),
        ("app in (web,db)", true),
        ("app in (db)", false),
        ("app notin (db)", true),
        ("missing notin (db)", true),
        ("missing!=x", true),
        ("missing", false),
        ("!missing", true),
        ("!app", false),
        ("blank=", true),
        ("blank in (,x)", true),
        ("app in ()", false),
        ("tier>1", true),
        ("tier<2", false),
        ("app>1", false),
        ("app,app in (web),tier notin (3)", true),
    ];
    for (text, expected) in table {
        let selector = LabelSelector::parse(text).unwrap();
        assert_eq!(selector.matches(Some(&object)), expected, "{text}");
    }
    assert!(LabelSelector::parse("!app").unwrap().matches(None));
}

#[test]
fn malformed_label_selectors_are_bad_requests_in_the_words_of_go() {
    let name = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
    let prefix = r"prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
    let value = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
    let long = "x".repeat(64);
    let table = [
        ("a=b=c", "found '=', expected: ',' or 'end of string'".to_owned()),
        ("a,,b", "found ',', expected: identifier after ','".to_owned()),
        ("a,", "found '', expected: identifier after ','".to_owned()),
        (",a", "found ',', expected: !, identifier, or 'end of string'".to_owned()),
        ("!a=b", "found '=', expected: ',' or 'end of string'".to_owned()),
        ("a=b!", "found '!', expected: ',' or 'end of string'".to_owned()),
        ("!", "unable to parse requirement: found '', expected: identifier".to_owned()),
        ("a=(", "unable to parse requirement: found '(', expected: identifier".to_owned()),
        ("a in web", "unable to parse requirement: found 'web' expected: '('".to_owned()),
        ("a in (b", "unable to parse requirement: found '', expected: ',' or ')'".to_owned()),
        ("a in (b,", "unable to parse requirement: found '', expected: ',', or identifier".to_owned()),
        ("a in ((b))", "unable to parse requirement: found '(', expected: ',', ')' or identifier".to_owned()),
        ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt".to_owned()),
        (
            "a>x",
            r#"unable to parse requirement: values[0]: Invalid value: "x": for 'Gt', 'Lt' operators, the value must be an integer"#.to_owned(),
        ),
        (
            "a<_",
            format!(r#"unable to parse requirement: [values[0]: Invalid value: "_": for 'Gt', 'Lt' operators, the value must be an integer, values[0][a]: Invalid value: "_": {value}]"#),
        ),
        ("_a=b", format!(r#"unable to parse requirement: <nil>: Invalid value: "_a": {name}"#)),
        ("A/_=b", format!(r#"unable to parse requirement: <nil>: Invalid value: "A/_": {prefix}; {name}"#)),
        ("a/", format!(r#"unable to parse requirement: <nil>: Invalid value: "a/": name part must be non-empty; {name}"#)),
        (
            &format!("a in (b,{long})"),
            format!(r#"unable to parse requirement: values[1][a]: Invalid value: "{long}": must be no more than 63 bytes"#),
        ),
    ];
    for (text, words) in table {
        let refused = LabelSelector::parse(text).unwrap_err();
        assert_eq!((refused.code().as_u16(), refused.message()), (400, words.as_str()), "{text}");
    }
}

#[test]
fn equality_becomes_in_for_the_authorizer() {
    let selector = LabelSelector::parse("b=1,a!=2").unwrap();
    let words: Vec<_> = selector.requirements().iter().map(|r| (r.key.as_str(), r.operator)).collect();
    assert_eq!(words, [("a", Operator::NotIn), ("b", Operator::In)]);
}

#[test]
fn of_a_huge_selector_only_the_terms_about_an_objects_labels_count() {
    let many: String = (0..5_000).map(|number| format!("k{number}!=a,")).collect();
    let selector = LabelSelector::parse(&format!("{many}needed")).expect("it is one");
    assert!(!selector.matches(None));
    assert!(!selector.matches(Some(&labels(&[("k1", "b")]))));
    assert!(selector.matches(Some(&labels(&[("k1", "b"), ("needed", "")]))));
    assert!(!selector.matches(Some(&labels(&[("k4999", "a"), ("needed", "")]))));
}

#[test]
fn field_selectors_compare_and_escape() {
    let selector = FieldSelector::parse(r"metadata.name=a\,b,source!=c").unwrap();
    assert_eq!(selector.exact("metadata.name"), Some("a,b"));
    assert!(selector.matches(|key| if key == "source" { "d".into() } else { "a,b".into() }));
    assert!(!selector.matches(|key| if key == "source" { "c".into() } else { "a,b".into() }));
    assert!(FieldSelector::parse("a!b=c").unwrap().matches(|key| if key == "a!b" {
        "c".into()
    } else {
        "".into()
    }));
    let table = [
        ("metadata.name", "invalid selector: 'metadata.name'; can't understand 'metadata.name'"),
        ("z,a!b", "invalid selector: 'z,a!b'; can't understand 'a!b'"),
        (r"a=b\c", r"invalid field selector: invalid escape sequence: \c"),
        (r"a=b\", r"invalid field selector: invalid escape sequence: \"),
        ("a=b=c", "invalid field selector: unescaped character in value: 61"),
    ];
    for (text, words) in table {
        let refused = FieldSelector::parse(text).unwrap_err();
        assert_eq!((refused.code().as_u16(), refused.message()), (400, words), "{text}");
    }
}

#[test]
fn an_unknown_field_is_refused_with_the_known_ones_named() {
    let refused = FieldSelector::parse("spec.x=1").unwrap().check(&["source"]).unwrap_err();
    assert_eq!(
        refused.message(),
        r#""spec.x" is not a known field selector: only "metadata.name", "metadata.namespace", "source""#
    );
}

#[test]
fn others_have_their_turn_while_a_long_selector_is_read() {
    let turns = |text: &str| {
        let mut pace = Pace::in_turns();
        let mut reading = Box::pin(LabelSelector::read(text, &mut pace));
        let mut turns = 1;
        while (&mut reading).now_or_never().is_none() {
            turns += 1;
        }
        turns
    };
    assert_eq!(turns(&vec!["a=b"; 200].join(",")), 1);
    assert_eq!(turns(&vec!["a=b"; 5_000].join(",")), 20, "they are read, and joined");
    let values: Vec<String> = (0..5_000).map(|number| number.to_string()).collect();
    assert_eq!(turns(&format!("a in ({})", values.join(","))), 20, "they are read, and kept");
}

/// What a selector would select if each of its terms were a selector of its own.
fn each_matches(text: &str, object: &BTreeMap<String, String>) -> bool {
    text.split(',').all(|term| LabelSelector::parse(term).expect("a term").matches(Some(object)))
}

#[test]
fn terms_of_one_kind_are_compared_as_one() {
    let selector = |terms: &str| LabelSelector::parse(terms).expect("a selector");
    let many: Vec<String> = (0..5_000).map(|number| format!("app!=v{number}")).collect();
    let many = selector(&many.join(","));
    assert_eq!((many.requirements().len(), many.0.compared().len()), (5_000, 1));
    assert!(many.matches(Some(&labels(&[("app", "web")]))) && !many.matches(Some(&labels(&[("app", "v7")]))));
    let fields = FieldSelector::parse(&vec!["metadata.name!=a"; 3_000].join(",")).expect("a selector");
    let merged = |fields: &FieldSelector| fields.0.merged.as_ref().map(Vec::len);
    assert_eq!((fields.requirements().len(), merged(&fields)), (3_000, Some(1)));
    let fields = FieldSelector::parse("a=1,b!=2").expect("two terms");
    assert_eq!(merged(&fields), None, "nothing is kept twice");
}

#[test]
fn of_thousands_of_wrong_values_a_hundred_are_told() {
    let values: Vec<String> = (0..5_000).map(|number| format!("-{number}")).collect();
    let refused = LabelSelector::parse(&format!("a in ({})", values.join(","))).unwrap_err();
    assert_eq!(refused.message().matches("Invalid value").count(), 100);
}

proptest::proptest! {
    #[test]
    fn a_term_that_is_written_reads_as_itself(
        text in "(a|x[.]y/b-c)( in \\((1,)?(|2)\\)| notin \\(3,4\\)|=|!=5|>1|<7)|!?a",
    ) {
        let read = LabelSelector::parse(&text).unwrap();
        let [term] = read.requirements() else { panic!("one term: {text}") };
        let again = LabelSelector::parse(&term.to_string()).unwrap();
        proptest::prop_assert_eq!(again.requirements(), [term.clone()]);
    }

    #[test]
    fn any_selector_is_judged_without_a_panic(text in "[a-c=!,()<> \\\\/.]{0,40}") {
        let _ = LabelSelector::parse(&text);
        let _ = FieldSelector::parse(&text);
    }

    #[test]
    fn any_terms_together_select_what_each_selects(
        terms in proptest::collection::vec("(a|b)(=|!=|>|<)(1|2|3)|(a|b)|!(a|b)", 1..6),
        a in proptest::option::of("[1-3]"),
        b in proptest::option::of("[1-3]"),
    ) {
        let pairs = [("a", a), ("b", b)].into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        let (text, object) = (terms.join(","), pairs.collect());
        let together = LabelSelector::parse(&text).expect("a selector").matches(Some(&object));
        assert_eq!(together, each_matches(&text, &object), "{text} of {object:?}");
    }
}
