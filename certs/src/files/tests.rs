//! Files that change under our feet.
use super::*;
use crate::{issue, plan::Lifetimes};
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use std::os::unix::fs::symlink;

fn pair() -> Pair {
    issue::authority(&Lifetimes::default(), Timestamp::now()).unwrap()
}

/// As kubelet lays a Secret out: files are links through `..data`, which is swapped as a whole.
fn mount(folder: &std::path::Path, version: &str, pair: &Pair) -> Paths {
    let data = folder.join(version);
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("tls.crt"), &pair.chain_pem).unwrap();
    std::fs::write(data.join("tls.key"), pair.key_pem.expose_secret()).unwrap();
    let swap = folder.join("..swap");
    symlink(version, &swap).unwrap();
    std::fs::rename(&swap, folder.join("..data")).unwrap();
    for file in ["tls.crt", "tls.key"] {
        let _there_already = symlink(format!("..data/{file}"), folder.join(file));
    }
    Paths { cert: folder.join("tls.crt"), key: folder.join("tls.key"), ca: None }
}

#[tokio::test]
async fn a_swapped_mount_is_handed_on_and_a_broken_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (pair(), pair());
    let paths = mount(folder.path(), "1", &first);
    let mut rx = start(paths, CancellationToken::new()).await.expect("usable");
    assert_eq!(rx.borrow_and_update().chain_pem, first.chain_pem);

    let half = Pair { key_pem: first.key_pem.clone(), ..second.clone() };
    mount(folder.path(), "2", &half);
    assert!(time::timeout(EVERY * 2, rx.changed()).await.is_err(), "half a pair must not serve");

    mount(folder.path(), "3", &second);
    time::timeout(EVERY * 3, rx.changed()).await.expect("in time").expect("open");
    assert_eq!(rx.borrow().chain_pem, second.chain_pem);
}

#[tokio::test]
async fn a_missing_or_useless_file_is_named_at_start() {
    let folder = tempfile::tempdir().unwrap();
    let none = Paths { cert: folder.path().join("x.crt"), key: folder.path().join("x.key"), ca: None };
    let error = start(none, CancellationToken::new()).await.expect_err("not there");
    assert!(error.to_string().ends_with("x.crt"), "{error}");

    let paths = mount(folder.path(), "1", &pair());
    let swapped = Paths { cert: paths.key, key: paths.cert, ca: None };
    let error = start(swapped, CancellationToken::new()).await.expect_err("useless");
    assert!(Chain(&error).to_string().ends_with("cannot be used: it holds no certificate in PEM"));
}
