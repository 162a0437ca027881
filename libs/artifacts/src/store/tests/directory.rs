//! A directory that somebody else was at work in: a crash, a full disk, an editor, an attacker.
use super::*;
use std::{
    fs,
    io::Write,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

pub(super) fn at(directory: &Path) -> Objects {
    Objects::new(Backend::directory(directory).unwrap())
}

fn path_of(directory: &Path, bytes: &[u8]) -> PathBuf {
    directory.join(key(bytes).path())
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let (directories, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    files.into_iter().chain(directories.iter().flat_map(|path| files_below(path))).collect()
}

async fn is_corrupt(stored: &Objects, bytes: &Bytes) -> bool {
    let opened = stored.open(&key(bytes), None).await;
    let ranged = stored.open(&key(bytes), Some(0..1)).await;
    let corrupt = |result| matches!(result, Err(StoreError::Corrupt { .. }));
    stored.stat(&key(bytes)).await.unwrap().is_none() && corrupt(opened) && corrupt(ranged)
}

#[tokio::test]
async fn of_a_directory_that_was_taken_away_nothing_is_taken_for_missing() {
    let parent = tempfile::tempdir().unwrap();
    let (here, away) = (parent.path().join("here"), parent.path().join("away"));
    let stored = at(&here);
    let kept = store(&stored, &bytes(100)).await;
    fs::rename(&here, &away).unwrap();
    for emptied in [false, true] {
        if emptied {
            fs::create_dir(&here).unwrap();
        }
        for failure in [
            stored.stat(&kept.key).await.unwrap_err(),
            stored.open(&kept.key, None).await.unwrap_err(),
            stored.list(None).await.unwrap_err(),
        ] {
            assert_eq!(failure.reason(), crds::reasons::STORAGE_OPERATION_FAILED, "{emptied}: {failure}");
        }
    }
    fs::remove_dir(&here).unwrap();
    fs::rename(&away, &here).unwrap();
    assert_eq!(stored.stat(&kept.key).await.unwrap(), Some(kept));
}

#[tokio::test]
async fn a_new_process_finds_what_was_stored() {
    let directory = tempfile::tempdir().unwrap();
    let (small, large) = (bytes(10), bytes(LARGE));
    let first = at(directory.path());
    let infos = [store(&first, &small).await, store(&first, &large).await];
    drop(first);
    let again = at(directory.path());
    for info in infos {
        assert_eq!(again.stat(&info.key).await.unwrap(), Some(info));
    }
    assert_eq!(again.list(None).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_blob_altered_by_hand_is_reported_and_never_served() {
    let directory = tempfile::tempdir().unwrap();
    let stored = at(directory.path());
    for bytes in [bytes(10), bytes(LARGE)] {
        store(&stored, &bytes).await;
        let path = path_of(directory.path(), &bytes);
        for damage in [
            |content: &mut Vec<u8>| *content.last_mut().unwrap() ^= 1,
            |content: &mut Vec<u8>| content.truncate(content.len() - 1),
            |content: &mut Vec<u8>| content.push(0),
            |content: &mut Vec<u8>| content.clear(),
        ] {
            let mut content = bytes.to_vec();
            damage(&mut content);
            fs::write(&path, content).unwrap();
            assert!(is_corrupt(&stored, &bytes).await);
            store(&stored, &bytes).await;
            assert_eq!(read_range(&stored, &key(&bytes), None).await.1, bytes);
        }
    }
}

#[tokio::test]
async fn setting_the_time_back_does_not_hide_an_alteration() {
    let directory = tempfile::tempdir().unwrap();
    let stored = at(directory.path());
    let bytes = bytes(10);
    store(&stored, &bytes).await;
    let path = path_of(directory.path(), &bytes);
    let modified = path.metadata().unwrap().modified().unwrap();
    // Times have the grain of the kernel's clock tick.
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    let mut file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all(b"X").unwrap();
    file.set_modified(modified).unwrap();
    assert_eq!(path.metadata().unwrap().modified().unwrap(), modified);
    assert!(is_corrupt(&stored, &bytes).await);
}

#[tokio::test]
async fn a_blob_altered_while_it_is_read_ends_in_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let stored = at(directory.path());
    let bytes = bytes(LARGE);
    for cut in [LARGE as u64 / 2, LARGE as u64] {
        store(&stored, &bytes).await;
        let mut blob = stored.open(&key(&bytes), None).await.unwrap().unwrap();
        blob.bytes.try_next().await.unwrap().expect("the first piece is still right");
        let file = fs::OpenOptions::new().write(true).open(path_of(directory.path(), &bytes)).unwrap();
        file.set_len(cut).unwrap();
        std::os::unix::fs::FileExt::write_at(&file, b"X", cut - 1).unwrap();
        let failed = read(blob).await.unwrap_err();
        assert!(matches!(failed, StoreError::Corrupt { .. }), "{failed}");
    }
}

#[tokio::test]
async fn a_reader_keeps_its_bytes_when_the_blob_is_removed() {
    let directory = tempfile::tempdir().unwrap();
    let stored = at(directory.path());
    let bytes = bytes(LARGE);
    store(&stored, &bytes).await;
    let blob = stored.open(&key(&bytes), None).await.unwrap().unwrap();
    stored.remove(&key(&bytes)).await.unwrap();
    assert_eq!(read(blob).await.unwrap(), bytes);
}

#[tokio::test]
async fn planted_symlinks_pipes_and_directories_are_not_followed() {
    let (directory, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let stored = at(directory.path());
    let bytes = bytes(10);
    store(&stored, &bytes).await;
    let path = path_of(directory.path(), &bytes);
    let outside = elsewhere.path().join(path.file_name().unwrap());
    fs::rename(&path, &outside).unwrap();

    // The file, although the bytes behind the link are the right ones.
    symlink(&outside, &path).unwrap();
    assert_eq!(stored.stat(&key(&bytes)).await.unwrap(), None);
    assert!(stored.open(&key(&bytes), None).await.unwrap().is_none());
    assert_eq!(stored.list(None).await.unwrap(), []);
    store(&stored, &bytes).await;
    assert!(path.symlink_metadata().unwrap().is_file(), "storing replaces the link");

    // A directory on the way; one that leads in a circle.
    let source = path.parent().unwrap();
    symlink(directory.path(), source.parent().unwrap().join("circle")).unwrap();
    fs::remove_dir_all(source).unwrap();
    symlink(elsewhere.path(), source).unwrap();
    assert_eq!(stored.stat(&key(&bytes)).await.unwrap(), None);
    assert_eq!(stored.list(None).await.unwrap(), []);
    assert_eq!(stored.list(Some(&key(&bytes).source)).await.unwrap(), []);
    stored.remove(&key(&bytes)).await.unwrap();
    assert!(outside.exists());
    staged(&stored, &bytes).await.commit(key(&bytes)).await.unwrap_err();
    fs::remove_file(source).unwrap();

    // A pipe, which would hold an opener for ever.
    fs::create_dir(source).unwrap();
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    assert!(stored.open(&key(&bytes), None).await.unwrap().is_none());
    drop(stored);
    assert_eq!(at(directory.path()).list(None).await.unwrap(), []);
}

#[tokio::test]
async fn what_a_crash_left_behind_is_swept_and_never_seen() {
    let directory = tempfile::tempdir().unwrap();
    let (whole, cut) = (bytes(10), bytes(LARGE));
    let stored = at(directory.path());
    store(&stored, &whole).await;
    // As kill -9 leaves them: an upload under way, one that was complete, and one beside its blob.
    std::mem::forget(staged(&stored, &cut).await);
    fs::write(directory.path().join(".staging/77"), &cut).unwrap();
    fs::write(path_of(directory.path(), &cut).with_extension("gz#1"), &cut[..9]).unwrap();
    assert_eq!(files_below(directory.path()).len(), 5, "with .lock and the whole one");
    assert_eq!(stored.list(None).await.unwrap().len(), 1);
    drop(stored);
    // The forgotten upload holds the lock, as its process would; a copy has the files without it.
    let copy = tempfile::tempdir().unwrap();
    let copied = Command::new("cp").arg("-a").arg(directory.path().join(".")).arg(copy.path()).status();
    assert!(copied.unwrap().success());
    let again = at(copy.path());
    assert_eq!(again.list(None).await.unwrap().len(), 1);
    assert_eq!(files_below(copy.path()).len(), 2);
}

#[tokio::test]
async fn an_upload_that_is_dropped_leaves_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let stored = at(directory.path());
    let bytes = bytes(LARGE);
    staged(&stored, &bytes).await.abort().await;
    staged(&stored, &bytes).await.commit(key(b"other")).await.unwrap_err();
    drop(staged(&stored, &bytes).await);
    let only_the_lock =
        || files_below(directory.path()) == [directory.path().canonicalize().unwrap().join(".lock")];
    for _ in 0..100 {
        if only_the_lock() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("{:?}", files_below(directory.path()));
}

#[tokio::test]
async fn a_directory_has_one_owner() {
    let directory = tempfile::tempdir().unwrap();
    let first = at(directory.path());
    let refused = Backend::directory(directory.path()).unwrap_err();
    assert!(matches!(&refused, StoreError::InUse { .. }), "{refused}");
    assert!(refused.to_string().ends_with("is in use by another process; only one may own it"));
    drop(first);
    at(directory.path());
}

#[tokio::test]
async fn nobody_else_may_read_it() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("new/store");
    let stored = at(&directory);
    for bytes in [bytes(10), bytes(LARGE)] {
        store(&stored, &bytes).await;
        for path in path_of(&directory, &bytes).ancestors().take(5) {
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o077, 0, "{}", path.display());
        }
    }
    assert_eq!(directory.join(".lock").metadata().unwrap().mode() & 0o777, 0o600);
    assert_eq!(directory.join(".staging").metadata().unwrap().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn a_blob_is_as_old_as_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let stored = at(directory.path());
    let info = store(&stored, &bytes(10)).await;
    let modified: SystemTime = path_of(directory.path(), &bytes(10)).metadata().unwrap().modified().unwrap();
    assert_eq!(info.stored_at, Timestamp::try_from(modified).unwrap());
}
