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
fn malformed_label_selectors_are_bad_requests() {
    for text in [
        "a=b=c",
        "a,,b",
        ",a",
        "a in web",
        "a in (b",
        "a b",
        "a>x",
        "=b",
        "a=b!",
        "_a=b",
        "A/_=b",
        "a in ((b))",
    ] {
        let refused = LabelSelector::parse(text).unwrap_err();
        assert_eq!((refused.code().as_u16(), refused.reason()), (400, "BadRequest"), "{text}");
    }
}

#[test]
fn equality_becomes_in_for_the_authorizer() {
    let selector = LabelSelector::parse("b=1,a!=2").unwrap();
    let words: Vec<_> = selector.requirements().iter().map(|r| (r.key.as_str(), r.operator)).collect();
    assert_eq!(words, [("a", Operator::NotIn), ("b", Operator::In)]);
}

#[test]
fn field_selectors_compare_and_escape() {
    let selector = FieldSelector::parse(r"metadata.name=a\,b,source!=c").unwrap();
    assert_eq!(selector.exact("metadata.name"), Some("a,b"));
    assert!(selector.matches(|key| if key == "source" { "d".into() } else { "a,b".into() }));
    assert!(!selector.matches(|key| if key == "source" { "c".into() } else { "a,b".into() }));
    for text in ["metadata.name", "a!b", r"a=b\c", "a=b=c"] {
        assert_eq!(FieldSelector::parse(text).unwrap_err().code().as_u16(), 400, "{text}");
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

proptest::proptest! {
    #[test]
    fn any_selector_is_judged_without_a_panic(text in "[a-c=!,()<> \\\\/.]{0,40}") {
        let _ = LabelSelector::parse(&text);
        let _ = FieldSelector::parse(&text);
    }
}
