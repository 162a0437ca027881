//! What the rules say of expressions and of the files that they make.
use super::*;
use crate::{
    external_source::{Generator, GeneratorType, HttpGenerator, S3Generator, Unpack},
    installation::{Allowed, Expressions},
    rules::Rules,
};

fn in_cel(text: &str) -> Expression {
    Expression { cel: Some(text.into()), ..Expression::default() }
}

fn file(path: &str, cel: &str) -> LayoutFile {
    LayoutFile { path: path.into(), expression: in_cel(cel) }
}

fn laid_out(layout: Vec<LayoutFile>) -> ExternalSourceSpec {
    let http = HttpGenerator {
        url: "https://example.dev/".into(),
        method: "GET".into(),
        ..HttpGenerator::default()
    };
    ExternalSourceSpec {
        interval: "10m".into(),
        timeout: "30s".into(),
        layout,
        generator: Generator { http: Some(http), ..Generator::default() },
        ..ExternalSourceSpec::default()
    }
}

fn wrong(spec: &ExternalSourceSpec) -> Vec<String> {
    spec.violations().into_iter().map(|violation| violation.path).collect()
}

#[test]
fn the_paths_of_a_layout_are_those_of_an_archive() {
    for good in ["a", "a/b.yaml", "..a/b..", "ü/ö"] {
        assert_eq!(wrong(&laid_out(vec![file(good, "body")])), [""; 0], "{good}");
    }
    for bad in ["", "/a", "a/", "a//b", "./a", "a/../b", "a../b", "a\\b", "a\nb", &"a/".repeat(200)] {
        assert_eq!(wrong(&laid_out(vec![file(bad, "body")])), ["spec.layout[0].path"], "{bad:?}");
    }
}

#[test]
fn no_two_files_of_a_layout_are_in_each_others_way() {
    let of = |paths: &[&str]| wrong(&laid_out(paths.iter().map(|path| file(path, "body")).collect()));
    assert_eq!(of(&["a/b", "a/c", "a-b"]), [""; 0]);
    for bad in [["a", "a"], ["a", "a/b"], ["a/b/c", "a"], ["a/b", "a/b/c"]] {
        assert_eq!(of(&bad), ["spec.layout[1].path"], "{bad:?}");
    }
    let told = laid_out(vec![file("a", "body"), file("a/b", "body")]).violations()[0].to_string();
    let expected = "must be another file than spec.layout[0].path, and neither in the other";
    assert_eq!(told, format!("spec.layout[1].path: Invalid value: \"a/b\": {expected}"));
}

#[test]
fn expressions_are_there_and_not_too_long() {
    let long = "1".repeat(LONGEST + 1);
    let layout = vec![file("a", " "), file("b", &long)];
    let spec = ExternalSourceSpec { transform: Some(in_cel("")), ..laid_out(layout) };
    assert_eq!(wrong(&spec), ["spec.transform.cel", "spec.layout[0].cel", "spec.layout[1].cel"]);
    let many = (0..33).map(|n| file(&n.to_string(), "body")).collect();
    assert_eq!(wrong(&laid_out(many)), ["spec.layout"]);
}

#[test]
fn a_layout_and_an_archive_exclude_each_other() {
    let mut http = laid_out(vec![file("a", "body")]);
    for (unpack, wanted) in [(Unpack::Never, 0), (Unpack::Auto, 1), (Unpack::Always, 1)] {
        http.generator.http.as_mut().unwrap().unpack = Some(unpack);
        let found = http.violations();
        assert_eq!(found.len(), wanted, "{unpack:?}");
        assert!(found.iter().all(|violation| violation.to_string().contains("spec.generator.http.unpack")));
    }
    let s3 = S3Generator { bucket: "configs".into(), prefix: Some("prod".into()), ..S3Generator::default() };
    let generator = Generator { type_: GeneratorType::S3, s3: Some(s3), ..Generator::default() };
    assert_eq!(wrong(&ExternalSourceSpec { generator, ..http }), ["spec.layout"]);
}

#[test]
fn there_is_one_language_for_each_expression() {
    let set = |cel: Option<&str>, jq: Option<&str>, template: Option<&str>| {
        let [cel, jq, template] = [cel, jq, template].map(|text| text.map(str::to_owned));
        Expression { cel, jq, template }
    };
    let told = |expression: Expression| {
        let layout = vec![LayoutFile { path: "a".into(), expression: expression.clone() }];
        let spec = ExternalSourceSpec { transform: Some(expression), ..laid_out(layout) };
        spec.violations().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    for one in
        [set(Some("body"), None, None), set(None, Some("."), None), set(None, None, Some("{{ body }}"))]
    {
        assert_eq!(told(one), [""; 0]);
    }
    assert_eq!(
        told(set(None, None, None)),
        [
            "spec.transform: Required value: set one of cel, jq and template",
            "spec.layout[0]: Required value: set one of cel, jq and template",
        ]
    );
    assert_eq!(
        told(set(Some("body"), Some("."), Some("x")))[..2],
        [
            "spec.transform.jq: Forbidden: may not be set together with cel; keep one of them",
            "spec.transform.template: Forbidden: may not be set together with jq; keep one of them",
        ]
    );
    assert_eq!(
        told(set(None, Some(" "), None))[0],
        "spec.transform.jq: Required value: write an expression, such as .items"
    );
}

#[test]
fn every_expression_that_is_none_is_named_with_what_its_language_says() {
    struct OnlyBody;
    impl Expressions for OnlyBody {
        fn problem(&self, language: Language, text: &str) -> Option<String> {
            (text != "body" || language != Language::Cel).then(|| "line 1, column 1: not body".into())
        }
    }
    let transform = Some(in_cel("bdy"));
    let spec = ExternalSourceSpec { transform, ..laid_out(vec![file("a", "body"), file("b", "x")]) };
    let told = |installation: &Installation<'_>| {
        let mut found = Violations::default();
        spec.not_allowed(installation, &mut found);
        found.into_vec().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let here = Installation { expressions: Some(&OnlyBody), ..Installation::default() };
    let expected = [
        r#"spec.transform.cel: Invalid value: "bdy": line 1, column 1: not body"#,
        r#"spec.layout[1].cel: Invalid value: "x": line 1, column 1: not body"#,
    ];
    assert_eq!(told(&here), expected);
    assert_eq!(told(&Installation::default()).len(), 3, "nobody reads them");
}
