//! A directory on a disk that is full, has no inodes left, or has become read-only.
use super::{directory::at, *};
use crds::reasons;
use std::{
    fs::{self, File},
    path::PathBuf,
    process::Command,
};

/// A file system in memory, unmounted when dropped.
struct Tmpfs(tempfile::TempDir);

impl Tmpfs {
    /// One of that `size` or with so many inodes; `None`, with a word, for who may not mount.
    fn mount(options: &str) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let options = ["-t", "tmpfs", "-o", options, "tmpfs"];
        let mounted = Command::new("mount").args(options).arg(directory.path()).output();
        if !mounted.is_ok_and(|output| output.status.success()) {
            println!("skipped: needs the right to mount a tmpfs");
            return None;
        }
        Some(Self(directory))
    }

    /// What an upload leaves is closed and removed in the background.
    async fn has_room_for(&self, length: usize) {
        let probe = self.0.path().join("probe");
        while fs::write(&probe, vec![1; length]).is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        fs::remove_file(probe).unwrap();
    }

    fn remount(&self, how: &str) {
        let remounted =
            Command::new("mount").arg("-o").arg(format!("remount,{how}")).arg(self.0.path()).status();
        assert!(remounted.unwrap().success());
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn a_full_disk_says_so_publishes_nothing_and_recovers() {
    let Some(disk) = Tmpfs::mount("size=1m") else { return };
    let stored = at(disk.0.path());
    let (kept, large) = (bytes(300_000), bytes(2 * LARGE));
    store(&stored, &kept).await;
    let mut upload = stored.begin().await.unwrap();
    let mut written = Ok(());
    for chunk in large.chunks(100_000) {
        written = written.and(upload.write(large.slice_ref(chunk)).await);
    }
    let full = written.unwrap_err();
    assert_eq!(full.reason(), reasons::STORE_FULL);
    let digest = upload.digest();
    upload.commit(BlobKey { digest, ..key(b"") }).await.expect_err("a part is missing");
    assert_eq!(stored.list(None).await.unwrap().len(), 1);

    // All but less than `small`: otherwise it might find room that comes back only now.
    disk.has_room_for(700_000).await;
    fs::write(disk.0.path().join("filler"), vec![1; 2 * LARGE]).unwrap_err();
    let small = bytes(100_000);
    let full = staged(&stored, &small).await.commit(key(&small)).await.unwrap_err();
    assert_eq!(full.reason(), reasons::STORE_FULL);
    assert_eq!(stored.check().await.unwrap_err().reason(), reasons::STORE_FULL);
    assert_eq!(read_range(&stored, &key(&kept), None).await.1, kept);

    fs::remove_file(disk.0.path().join("filler")).unwrap();
    stored.check().await.unwrap();
    store(&stored, &small).await;
    assert_eq!(stored.list(None).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_disk_that_became_read_only_says_so_and_serves_on_even_after_a_restart() {
    let Some(disk) = Tmpfs::mount("size=1m") else { return };
    let mut stored = at(disk.0.path());
    let (kept, more) = (bytes(1_000), bytes(300_000));
    store(&stored, &kept).await;
    drop(stored);
    disk.remount("ro");
    stored = at(disk.0.path());
    let refused = stored.check().await.unwrap_err();
    assert_eq!(refused.reason(), reasons::STORE_READ_ONLY);
    assert_eq!(
        staged(&stored, &kept).await.commit(key(&kept)).await.unwrap_err().reason(),
        reasons::STORE_READ_ONLY
    );
    let refused = stored.begin().await.unwrap().write(more.clone()).await.unwrap_err();
    assert_eq!(refused.reason(), reasons::STORE_READ_ONLY);
    assert_eq!(read_range(&stored, &key(&kept), None).await.1, kept);
    assert_eq!(stored.remove(&key(&kept)).await.unwrap_err().reason(), reasons::STORE_READ_ONLY);
    disk.remount("rw");
    store(&stored, &more).await;
}

/// Why that cannot be stored, whether it is told while it is written or when it is to be seen.
async fn refusal(stored: &Objects, bytes: &Bytes) -> StoreError {
    let mut upload = stored.begin().await.unwrap();
    match upload.write(bytes.clone()).await {
        Err(refused) => refused,
        Ok(()) => upload.commit(key(bytes)).await.unwrap_err(),
    }
}

#[tokio::test]
async fn a_disk_without_inodes_says_so_publishes_nothing_and_recovers() {
    let Some(disk) = Tmpfs::mount("size=8m,nr_inodes=64") else { return };
    let stored = at(disk.0.path());
    let kept = bytes(1_000);
    store(&stored, &kept).await;
    let name = |n: u32| disk.0.path().join(format!("filler-{n}"));
    let fillers: Vec<PathBuf> = (0..64).map(name).take_while(|path| File::create(path).is_ok()).collect();
    assert!((1..64).contains(&fillers.len()), "there is no inode left: {}", fillers.len());
    for length in [100, 300_000, 2 * LARGE] {
        assert_eq!(refusal(&stored, &bytes(length)).await.reason(), reasons::STORE_FULL, "{length}");
    }
    assert_eq!(stored.check().await.unwrap_err().reason(), reasons::STORE_FULL);
    assert_eq!(stored.list(None).await.unwrap().len(), 1, "nothing half is seen");
    assert_eq!(read_range(&stored, &key(&kept), None).await.1, kept);

    fillers.iter().for_each(|filler| fs::remove_file(filler).unwrap());
    stored.check().await.unwrap();
    for length in [100, 300_000, 2 * LARGE] {
        store(&stored, &bytes(length)).await;
    }
    assert_eq!(stored.list(None).await.unwrap().len(), 4);
}
