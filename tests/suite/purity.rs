//! Decisions are pure: files of these names hold no clock, no client, no async, no file.
use crate::tree;

const PURE: &[&str] = &["decide.rs", "plan.rs", "rules.rs", "defaults.rs", "pack.rs"];

const BANNED: &[(&str, &str)] = &[
    ("async ", "async"),
    (".await", "async"),
    ("Timestamp::now", "a clock: time is an argument"),
    ("SystemTime::now", "a clock: time is an argument"),
    ("Instant::now", "a clock: time is an argument"),
    ("kube::Client", "a client"),
    ("Client::", "a client"),
    ("reqwest", "a client"),
    ("std::fs", "a file"),
    ("tokio::", "async"),
    ("std::env", "the environment"),
    ("thread_rng", "randomness: it is an argument"),
];

#[test]
fn decisions_touch_nothing() {
    let mut seen = 0;
    for (path, text) in tree::rust_files() {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !PURE.contains(&name) {
            continue;
        }
        seen += 1;
        let code = text.split("#[cfg(test)]").next().unwrap_or(&text);
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            for (word, what) in BANNED {
                assert!(!line.contains(word), "{}: holds {what}: {}", path.display(), line.trim());
            }
        }
    }
    assert!(seen >= 5, "the scan lost its way: {seen} files");
}
