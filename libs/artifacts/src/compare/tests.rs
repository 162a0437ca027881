//! What differs is told, once and in order, whatever the archives hold.
use super::*;
use crate::{
    pack::{Mode, Packer},
    store::tests::stored,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

const CAPS: Caps = Caps { files: 100, text: 1024, patches: 4096 };

type Tree = BTreeMap<String, (Vec<u8>, bool)>;

/// A blob with those files, out of a real store.
async fn blob(files: &Tree) -> Blob {
    let mut packer = Packer::new(Vec::new());
    for (path, (contents, is_executable)) in files {
        let mode = if *is_executable { Mode::Executable } else { Mode::Plain };
        let path = EntryPath::new(path).unwrap();
        packer.file(&path, mode, contents.len() as u64, contents.as_slice()).unwrap();
    }
    stored(packer.finish().unwrap().1).await
}

fn tree(files: &[(&str, &[u8])]) -> Tree {
    files.iter().map(|(path, contents)| ((*path).to_owned(), (contents.to_vec(), false))).collect()
}

async fn between(before: &Tree, after: &Tree, caps: Caps) -> Differences {
    compare(blob(before).await, blob(after).await, caps).await.unwrap()
}

#[tokio::test]
async fn lines_are_told_in_the_unified_format() {
    let before = tree(&[("a.yaml", b"a: 1\nb: 2\n"), ("gone", b"x\n"), ("same", b"s\n")]);
    let after = tree(&[("a.yaml", b"a: 1\nb: 3\n"), ("new", b"y"), ("same", b"s\n")]);
    let found = between(&before, &after, CAPS).await;
    assert_eq!((found.added, found.removed, found.changed), (1, 1, 1));
    let patches: Vec<_> = found.files.into_iter().map(|file| (file.path.to_string(), file.patch)).collect();
    let text = |text: &str| Patch::Text(text.to_owned());
    let expected = [
        (
            "a.yaml",
            text(
                "diff --git a/a.yaml b/a.yaml\n--- a/a.yaml\n+++ b/a.yaml\n@@ -1,2 +1,2 @@\n a: 1\n-b: 2\n+b: 3\n",
            ),
        ),
        (
            "gone",
            text(
                "diff --git a/gone b/gone\ndeleted file mode 100644\n--- a/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n",
            ),
        ),
        (
            "new",
            text(
                "diff --git a/new b/new\nnew file mode 100644\n--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n+y\n\\ No newline at end of file\n",
            ),
        ),
    ];
    assert_eq!(patches, expected.map(|(path, patch)| (path.to_owned(), patch)));
}

#[tokio::test]
async fn what_is_no_text_or_too_long_is_told_without_lines() {
    let long = |last: u8| [vec![b'x'; 2048], vec![last]].concat();
    let before =
        tree(&[("binary", b"\0a"), ("latin", b"\xe9"), ("long", &long(b'1')), ("long-same", &long(b'1'))]);
    let after =
        tree(&[("binary", b"\0b"), ("latin", b"\xe8"), ("long", &long(b'2')), ("long-same", &long(b'1'))]);
    let found = between(&before, &after, CAPS).await;
    let patches: Vec<_> = found.files.iter().map(|file| &file.patch).collect();
    assert_eq!(patches, [&Patch::Binary, &Patch::Binary, &Patch::TooLarge]);
}

#[tokio::test]
async fn a_mode_is_a_difference_of_its_own() {
    let before = tree(&[("run.sh", b"true\n")]);
    let mut after = before.clone();
    after.get_mut("run.sh").unwrap().1 = true;
    let found = between(&before, &after, CAPS).await;
    let expected = "diff --git a/run.sh b/run.sh\nold mode 100644\nnew mode 100755\n";
    assert_eq!(found.files[0].patch, Patch::Text(expected.to_owned()));
}

#[tokio::test]
async fn beyond_the_caps_files_are_counted_and_not_shown() {
    let names: Vec<String> = (0..50).map(|number| format!("file-{number:02}")).collect();
    let contents = [b'x'; 100];
    let after = names.iter().map(|name| (name.clone(), (contents.to_vec(), false))).collect();
    let caps = Caps { files: 10, text: 1024, patches: 500 };
    let found = between(&tree(&[("a", b"")]), &after, caps).await;
    assert_eq!((found.added, found.removed, found.files.len()), (50, 1, 10));
    let shown: usize =
        found.files.iter().map(|file| if let Patch::Text(text) = &file.patch { text.len() } else { 0 }).sum();
    assert!((1..=500).contains(&shown), "{shown}");
    assert_eq!(found.files[9].patch, Patch::BeyondLimit);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Against a model: maps, compared as maps are.
    #[test]
    fn every_difference_is_found_and_nothing_else(
        before in files(),
        after in files(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let found = runtime.block_on(between(&before, &after, CAPS));
        let mut paths: Vec<&String> = before.keys().chain(after.keys()).collect();
        paths.sort_by_key(|path| EntryPath::new(path.as_str()).unwrap());
        paths.dedup();
        let differing: Vec<_> = paths.into_iter().filter(|path| before.get(*path) != after.get(*path)).collect();
        let told: Vec<_> = found.files.iter().map(|file| file.path.to_string()).collect();
        prop_assert_eq!(told.iter().collect::<Vec<_>>(), differing);
        let size = |tree: &Tree, file: &Difference| tree.get(file.path.as_str()).map(|(bytes, _)| bytes.len() as u64);
        for file in &found.files {
            prop_assert_eq!((file.before, file.after), (size(&before, file), size(&after, file)));
        }
        let all = found.added + found.removed + found.changed;
        prop_assert_eq!(all, found.files.len() as u64);
    }
}

/// A few files of few names, so that both sides share some.
fn files() -> impl Strategy<Value = Tree> {
    let contents = prop_oneof![
        proptest::collection::vec("[ab]{0,2}\n", 0..6).prop_map(|lines| lines.concat().into_bytes()),
        proptest::collection::vec(any::<u8>(), 0..4),
        (0_usize..3).prop_map(|more| vec![b'l'; 1023 + more]),
    ];
    proptest::collection::btree_map("d/[a-c]|[a-c]\\.x", (contents, any::<bool>()), 0..6)
}
