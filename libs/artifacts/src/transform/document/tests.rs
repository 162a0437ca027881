//! What a preRequest hook may make of a request.
use super::{
    fuzz::{CANARY, pre_request, request},
    *,
};

fn refused(output: &str) -> String {
    match applied(&request(), output.as_bytes()) {
        Ok(_) => panic!("accepted: {output}"),
        Err(failure) => failure.to_string(),
    }
}

#[test]
fn a_hook_reads_the_names_of_headers_and_nothing_of_a_secret() {
    let text = String::from_utf8(written(&request())).unwrap();
    assert_eq!(
        text,
        r#"{"url":"https://example.com/data","method":"GET","headers":{"authorization":null},"body":null}"#
    );
}

#[test]
fn what_comes_back_unchanged_changes_nothing() {
    for same in [String::from_utf8(written(&request())).unwrap(), "[]".to_owned()] {
        let after = applied(&request(), same.as_bytes()).expect("the same request");
        assert_eq!((after.url, after.method), (request().url, request().method));
        assert!(after.body == request().body, "the Secret's");
        assert_eq!(after.headers["authorization"], CANARY);
    }
}

#[test]
fn a_patch_and_a_whole_request_change_every_part() {
    let patch = r#"[{"op":"replace","path":"/url","value":"https://example.com/2"},
        {"op":"replace","path":"/method","value":"POST"},{"op":"add","path":"/body","value":"q"},
        {"op":"add","path":"/headers/x-page","value":"2"},{"op":"remove","path":"/headers/authorization"}]"#;
    let whole = r#"{"url":"https://example.com/2","method":"POST","headers":{"X-Page":"2"},"body":"q"}"#;
    for output in [patch, whole] {
        let after = applied(&request(), output.as_bytes()).expect("a good request");
        assert_eq!((after.url.path(), after.method), ("/2", Method::POST));
        assert!(after.body == Some(RequestBody::said("q".into())));
        assert_eq!(after.headers.len(), 1);
        assert!(after.headers["x-page"] == "2" && after.headers["x-page"].is_sensitive());
    }
}

#[test]
fn the_body_of_a_secret_stays_until_a_hook_sets_another() {
    let left_out = r#"{"url":"https://example.com/2","method":"PUT"}"#;
    let kept = applied(&request(), left_out.as_bytes()).expect("a good request").body.expect("it stays");
    assert!(kept.is_secret && kept.bytes == CANARY);
    let empty = applied(&request(), br#"[{"op":"replace","path":"/body","value":""}]"#);
    let empty = empty.expect("a good request").body.expect("one was set");
    assert!(!empty.is_secret && empty.bytes.is_empty());
}

#[test]
fn what_is_no_request_is_refused_in_words_without_it() {
    for (output, why) in [
        ("", "neither"),
        ("canary-7f3a", "neither"),
        ("null", "neither"),
        (r#"{"url":"https://example.com"}"#, "neither"),
        (r#"{"url":"https://example.com","method":"GET","canary-7f3a":1}"#, "neither"),
        (r#"[{"op":"replace","path":"/canary-7f3a","value":1}]"#, "does not fit"),
        (r#"[{"op":"remove","path":"/url"}]"#, "neither"),
        (r#"{"url":"file:///canary-7f3a","method":"GET"}"#, "spec.generator.http.url"),
        (r#"{"url":"https://u:canary-7f3a@example.com","method":"GET"}"#, "spec.generator.http.url"),
        (r#"{"url":"https://example.com","method":"G T"}"#, "spec.generator.http.method"),
        (
            r#"{"url":"https://example.com","method":"GET","headers":{"Host":"canary-7f3a"}}"#,
            "set by the fetch",
        ),
        (
            r#"{"url":"https://example.com","method":"GET","headers":{"A":"canary-7f3a\r\nB: c"}}"#,
            "line break",
        ),
        (r#"{"url":"https://example.com","method":"GET","headers":{"cookie":null}}"#, "null keeps"),
        (r#"{"url":"https://example.com","method":"GET","headers":{"a":"1","A":"2"}}"#, "twice"),
    ] {
        let said = refused(output);
        assert!(said.contains(why) && !said.contains(CANARY), "{output}: {said}");
    }
}

#[test]
fn a_patch_cannot_copy_the_request_into_itself_until_memory_ends() {
    let doubled = |n: u8| format!(r#"{{"op":"copy","from":"/headers","path":"/headers/x{n}"}}"#);
    let said = refused(&format!("[{}]", (0..40).map(doubled).collect::<Vec<_>>().join(",")));
    assert_eq!(said, "its JSON patch does not fit the request");
}

proptest::proptest! {
    #[test]
    fn any_patch_leaves_a_request_within_the_rules(
        operations in proptest::collection::vec(r#"\{"op":"(add|copy|move|remove|replace|test)","from":"(/url|/headers(/authorization|/a)?|/body)?","path":"(/url|/method|/headers(/[a-c]|/authorization)?|/body)?","value":(null|"[ -!#-\[\]-~]{0,12}"|\{\})\}"#, 0..5)
    ) {
        pre_request(format!("[{}]", operations.join(",")).as_bytes());
    }
}
