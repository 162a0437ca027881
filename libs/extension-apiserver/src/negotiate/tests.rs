//! What a client gets for each Accept header, as k8s.io/apiserver answers it.
use super::*;
use http::header::HeaderName;

const V2: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
const KUBECTL: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
const METADATA: &str = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

fn accept(value: &str) -> HeaderMap {
    HeaderMap::from_iter([(ACCEPT, value.parse().unwrap())])
}

fn media(value: &str) -> Result<Media, Status> {
    objects(&accept(value), &Query::default())
}

#[test]
fn discovery_takes_each_form_of_accept_at_its_word() {
    let (legacy, aggregated) = (Discovery::Legacy(Syntax::Json), Discovery::Aggregated(Syntax::Json));
    let kas = format!(
        "{V2},application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"
    );
    let beta = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";
    let unknown = "application/json;g=apidiscovery.k8s.io;v=v9;as=Everything,application/json";
    let protobuf = format!(
        "application/vnd.kubernetes.protobuf;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,{V2}"
    );
    let table = [
        ("", legacy),
        ("*/*", legacy),
        ("application/json", legacy),
        ("application/yaml", Discovery::Legacy(Syntax::Yaml)),
        (V2, aggregated),
        (&format!("{V2};profile=nopeer"), aggregated),
        (&kas, aggregated),
        (&format!("application/json,{V2}"), aggregated),
        (beta, legacy),
        (unknown, legacy),
        (&protobuf, aggregated),
    ];
    for (value, expected) in table {
        assert_eq!(discovery(&accept(value), &Query::default()).unwrap(), expected, "{value}");
    }
    let refused = discovery(&accept("application/vnd.kubernetes.protobuf"), &Query::default()).unwrap_err();
    assert_eq!(refused.code().as_u16(), 406);
    let beta_alone = beta.split(',').next().unwrap();
    assert_eq!(discovery(&accept(beta_alone), &Query::default()).unwrap_err().code().as_u16(), 406);
}

#[test]
fn objects_come_in_the_best_form_that_both_sides_know() {
    let plain = |syntax| Media { syntax, shape: Shape::Plain };
    let table = |api_version| Media {
        syntax: Syntax::Json,
        shape: Shape::Table(TableOptions { api_version, include: IncludeObject::Metadata }),
    };
    let cases = [
        ("", plain(Syntax::Json)),
        ("application/json, */*", plain(Syntax::Json)),
        ("application/*", plain(Syntax::Json)),
        ("application/yaml", plain(Syntax::Yaml)),
        ("application/yaml;q=0.5,application/json;q=0.1", plain(Syntax::Yaml)),
        ("application/json;pretty=1", plain(Syntax::PrettyJson)),
        ("application/vnd.kubernetes.protobuf,application/json", plain(Syntax::Json)),
        ("application/cbor,application/json", plain(Syntax::Json)),
        ("text/html,*/*;q=0.8", plain(Syntax::Json)),
        (KUBECTL, table(META_V1)),
        ("application/json;as=Table;v=v1beta1;g=meta.k8s.io", table(META_V1BETA1)),
        ("application/json;as=Table;v=v2;g=meta.k8s.io,application/json", plain(Syntax::Json)),
        ("application/json;as=Sheet;v=v1;g=meta.k8s.io,application/yaml", plain(Syntax::Yaml)),
        (METADATA, Media { syntax: Syntax::Json, shape: Shape::PartialList { api_version: META_V1 } }),
        ("application/json;stream=watch", plain(Syntax::Json)),
        ("application/json;sv=v1,application/yaml", plain(Syntax::Yaml)),
    ];
    for (value, expected) in cases {
        assert_eq!(media(value).unwrap(), expected, "{value}");
    }
}

#[test]
fn what_nobody_speaks_is_refused_with_what_is_spoken() {
    for value in [
        "application/vnd.kubernetes.protobuf",
        "application/cbor",
        "text/html",
        "application/json;as=Table;v=v2;g=meta.k8s.io",
        "application/json;stream=other",
        "application/json;q=0",
        "nonsense",
    ] {
        let refused = media(value).unwrap_err();
        assert_eq!((refused.code().as_u16(), refused.reason()), (406, "NotAcceptable"), "{value}");
        assert_eq!(
            refused.message(),
            "only the following media types are accepted: application/json, application/yaml"
        );
    }
    let list = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
    for value in ["application/yaml", list] {
        assert_eq!(events(&accept(value), &Query::default()).unwrap_err().code().as_u16(), 406, "{value}");
    }
}

#[test]
fn people_at_a_terminal_get_indented_json() {
    let agent = |name: &str| HeaderMap::from_iter([(USER_AGENT, name.parse().unwrap())]);
    let of = |headers: &HeaderMap, query: &str| objects(headers, &Query::parse(query)).unwrap().syntax;
    assert_eq!(of(&agent("curl/8.0"), ""), Syntax::PrettyJson);
    assert_eq!(of(&agent("kubectl/v1.36"), "pretty=1"), Syntax::PrettyJson);
    assert_eq!(of(&agent("curl/8.0"), "pretty=false"), Syntax::Json);
    assert_eq!(of(&agent("kubectl/v1.36"), ""), Syntax::Json);
}

#[test]
fn only_known_values_of_include_object_are_taken() {
    let of = |query: &str| objects(&accept(KUBECTL), &Query::parse(query));
    let Shape::Table(options) = of("includeObject=Object").unwrap().shape else { panic!("no table") };
    assert_eq!(options.include, IncludeObject::Object);
    assert_eq!(of("includeObject=Everything").unwrap_err().code().as_u16(), 400);
}

#[test]
fn gzip_is_found_among_other_codings() {
    let with = |value: &str| HeaderMap::from_iter([(ACCEPT_ENCODING, value.parse().unwrap())]);
    assert!(takes_gzip(&with("br, gzip")));
    assert!(!takes_gzip(&with("identity")));
}

#[test]
fn several_accept_headers_are_one_list() {
    let mut headers = accept("application/cbor");
    headers.append(HeaderName::from_static("accept"), "application/yaml".parse().unwrap());
    assert_eq!(objects(&headers, &Query::default()).unwrap().syntax, Syntax::Yaml);
}

proptest::proptest! {
    #[test]
    fn any_accept_header_gets_an_answer_or_a_refusal(
        value in r"[ -~]{0,60}|((application|\*|text)/(json|yaml|\*|x)(;(q|as|g|v)=[a-zA-Z0-9.\-]{0,8}){0,4},?){0,4}"
    ) {
        let headers = accept(&value);
        if let Err(refused) = media(&value) {
            proptest::prop_assert_eq!(refused.code().as_u16(), 406);
        }
        let _ = discovery(&headers, &Query::default());
        let _ = (refusal(&headers, &Query::default()), takes_gzip(&headers));
    }
}
