//! Bodies that were attacks on other servers, each by the id of its row in the lists of such attacks.
use super::*;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

const YAML: &str = "application/yaml";
const MERGE_PATCH: &str = "application/merge-patch+json";
const JSON_PATCH: &str = "application/json-patch+json";

/// The collection, asked after an attack: `desk` is as it was.
async fn nothing_changed(server: &Server) {
    let list = send(server, "GET", LAMPS, "", "").await.json();
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1), "{list}");
    assert_eq!(
        (&list["items"][0]["metadata"]["generation"], &list["items"][0]["spec"]["lumens"]),
        (&json!(1), &json!(400))
    );
}

/// CVE-2019-11253: each line of YAML is ten times the one before it.
#[tokio::test]
async fn cve_2019_11253_aliases_multiply_nothing() {
    let server = lit().await;
    let ten = |name: &str| format!("[{}]", [name; 10].join(", "));
    let letters: Vec<String> = ('a'..='j').map(String::from).collect();
    let mut bomb = format!("a: &a {}\n", ten("lol"));
    for pair in letters.windows(2) {
        bomb += &format!("{}: &{} {}\n", pair[1], pair[1], ten(&format!("*{}", pair[0])));
    }
    let in_metadata = format!("{bomb}metadata: {{name: x, labels: *j}}\nspec: {{lumens: 1}}\n");
    let merged = "a: &a {name: x}\n".to_owned() + &"metadata: {<<: *a, <<: *a}\n".repeat(2);
    let itself = "metadata: &a {name: x, labels: *a}\nspec: {lumens: 1}\n".to_owned();
    for body in [format!("{bomb}metadata: {{name: x}}\nspec: {{lumens: 1}}\n"), in_metadata, merged, itself] {
        let answer = send(&server, "POST", LAMPS, YAML, body.clone()).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
    }
    nothing_changed(&server).await;
}

/// CVE-2019-11253: a hundred thousand brackets would need as many frames of the stack.
#[tokio::test]
async fn cve_2019_11253_nesting_without_end_is_refused() {
    let server = lit().await;
    let nested = |open: &str, close: &str| format!("{}{}", open.repeat(100_000), close.repeat(100_000));
    let (lists, maps) = (nested("[", "]"), nested("{\"a\":", "}"));
    let spaces = (0..5_000).map(|depth| format!("{}a:\n", " ".repeat(depth.min(500)))).collect::<String>();
    let desk = format!("{LAMPS}/desk");
    for deep in [&lists, &maps, &"[".repeat(3 << 20), &spaces] {
        let within = format!(r#"{{"metadata":{{"name":"x"}},"spec":{{"lumens":1,"x":{deep}}}}}"#);
        for body in [deep.clone(), within] {
            for (method, path, media) in [
                ("POST", LAMPS, "application/json"),
                ("POST", LAMPS, YAML),
                ("PUT", &desk, "application/json"),
                ("PATCH", &desk, MERGE_PATCH),
                ("PATCH", &desk, JSON_PATCH),
            ] {
                let shown = &body[..60];
                let answer = send(&server, method, path, media, body.clone()).await;
                assert!([400, 413].contains(&answer.status), "{method} {media} {shown}: {}", answer.text());
                assert!(answer.body.len() < 4_096, "{method} {media} {shown}: {} bytes", answer.body.len());
            }
        }
    }
    nothing_changed(&server).await;
}

/// CVE-2019-1002100, CVE-2023-27483 and their kin: a patch of a kilobyte that asks for gigabytes.
#[tokio::test]
async fn cve_2019_1002100_a_patch_makes_no_copies_of_copies_and_an_index_no_room() {
    let server = lit().await;
    let patch = |steps: &[Value]| Value::from(steps).to_string();
    let begin = json!({"op": "add", "path": "/spec/x", "value": ["a".repeat(100)]});
    let double = json!({"op": "copy", "from": "/spec/x", "path": "/spec/x/-"});
    let deeper = json!({"op": "copy", "from": "/spec", "path": "/spec/x/0"});
    let far = |op: &str, index: &str| json!({"op": op, "path": format!("/metadata/finalizers/{index}"), "from": "/spec/lumens", "value": "x"});
    let finalizers = json!({"op": "add", "path": "/metadata/finalizers", "value": ["a.example/b"]});
    let doubled: Vec<Value> = std::iter::once(begin.clone()).chain(vec![double; 64]).collect();
    let deepened: Vec<Value> = std::iter::once(begin).chain(vec![deeper; 64]).collect();
    let mut patches = vec![patch(&doubled), patch(&deepened)];
    for index in ["999999999", "18446744073709551616", "-1", "01", "1e9"] {
        patches.extend(
            ["add", "copy", "replace", "remove", "move"]
                .map(|op| patch(&[finalizers.clone(), far(op, index)])),
        );
    }
    for body in patches {
        let answer = send(&server, "PATCH", &format!("{LAMPS}/desk"), JSON_PATCH, body.clone()).await;
        assert!([400, 422].contains(&answer.status), "{body}: {}", answer.text());
    }
    nothing_changed(&server).await;
}

/// Deep bodies: bodies that take long to read, more of them than there are threads.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn large_bodies_are_read_while_others_are_answered() {
    const LARGE: usize = 4;
    let (server, read) = (Arc::new(lit().await), Arc::new(AtomicUsize::new(0)));
    let body = format!("{{{}\"b\":1}}", r#""a":1,"#.repeat(300_000));
    let large: Vec<_> = (0..LARGE)
        .map(|_| {
            let (server, read, body) = (Arc::clone(&server), Arc::clone(&read), body.clone());
            tokio::spawn(async move {
                let answer = send(&server, "POST", LAMPS, "application/json", body).await;
                read.fetch_add(1, Ordering::SeqCst);
                answer.status
            })
        })
        .collect();
    let (asked, still_reading) = (Arc::clone(&server), Arc::clone(&read));
    let answered = tokio::spawn(async move {
        let answer = send(&asked, "GET", &format!("{LAMPS}/desk"), "", "").await;
        (answer.status, still_reading.load(Ordering::SeqCst))
    });
    let (status, already_read) = answered.await.expect("no panic");
    assert_eq!(status, 200);
    assert!(already_read < LARGE, "it waited for all of them");
    for answer in large {
        assert_eq!(answer.await.expect("no panic"), 400, "it is no lamp");
    }
}
