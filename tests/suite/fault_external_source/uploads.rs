//! Parts of uploads to S3: those of a process that was killed go, and those that are on their way stay.
use super::{
    RECOVERY,
    s3::{Bucket, LARGE, is_served},
};
use crate::{archive::noise, fault_crashes::files, scene::Scene, upstream::Answer};
use anyhow::{Context, Result, ensure};
use artifacts::failpoint::Step;
use cluster::Postern;
use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    io::{self, AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::task::AbortOnDropHandle;

/// How long an upload may be silent, before a collector marks it, and before one removes it. S3 tells whole seconds.
const GRACE: Duration = Duration::from_secs(2);

/// For so long an upload goes on. A silent one goes within two graces and two looks; a request ends after twenty seconds.
const LONG: Duration = Duration::from_secs(12);

/// Between two looks.
const AGAIN: Duration = Duration::from_millis(50);

impl Bucket<'_> {
    /// A Postern whose collectors do not wait for long, and whose passes wait for nobody else's Lease.
    pub(super) fn hasty(&self) -> Postern {
        let mut postern = self.uses(self.cluster.postern());
        postern.flags.push("--leader-elect=false".to_owned());
        postern.environment.push(("POSTERN_FAILPOINT_GRACE_MS", GRACE.as_millis().to_string()));
        postern
    }

    /// The parts that nobody has put together.
    pub(super) fn parts(&self) -> Result<Vec<PathBuf>> {
        files(&self.gateway.parts())
    }

    /// What says that somebody is at an upload.
    pub(super) fn staged(&self) -> Result<Vec<PathBuf>> {
        files(&self.folder().join(".staging"))
    }
}

/// A way to the gateway on which parts of uploads wait until it is opened; everything else passes.
struct Gate {
    address: SocketAddr,
    shut: Arc<Semaphore>,
    _open: AbortOnDropHandle<()>,
}

impl Gate {
    async fn before(gateway: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, shut) = (listener.local_addr()?, Arc::new(Semaphore::new(0)));
        let waits = Arc::clone(&shut);
        let accept = async move {
            while let Ok((client, _)) = listener.accept().await {
                // A connection that breaks is one that its client makes again.
                tokio::spawn(lead(client, gateway, Arc::clone(&waits)));
            }
        };
        Ok(Self { address, shut, _open: AbortOnDropHandle::new(tokio::spawn(accept)) })
    }

    fn open(&self) {
        self.shut.close();
    }
}

async fn lead(client: TcpStream, gateway: SocketAddr, shut: Arc<Semaphore>) -> io::Result<()> {
    let (mut asks, mut hears) = client.into_split();
    let (mut answers, mut takes) = TcpStream::connect(gateway).await?.into_split();
    let back = AbortOnDropHandle::new(tokio::spawn(async move { io::copy(&mut answers, &mut hears).await }));
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let length = asks.read(&mut chunk).await?;
        if length == 0 {
            break;
        }
        // A head comes with the beginning of a chunk, since requests follow one another.
        if chunk[..length].windows(11).any(|word| word == b"partNumber=") {
            let _opened = shut.acquire().await;
        }
        takes.write_all(&chunk[..length]).await?;
    }
    takes.shutdown().await?;
    back.await?.map(drop)
}

#[tokio::test]
async fn parts_of_a_process_that_was_killed_are_removed() -> Result<()> {
    let scene = Scene::alone().await?;
    Bucket::lend(&scene, "s3-killed", async |bucket| {
        let (armed, mut postern) = (bucket.cluster.directory().file("armed-s3"), bucket.hasty());
        postern.environment.push(("POSTERN_FAILPOINT", armed.display().to_string()));
        postern.restart().await?;
        fs::write(&armed, format!("{:?}", Step::Sent))?;
        scene.upstream.answer(Answer::data(noise(0, LARGE)));
        scene.annotate("killed").await?;
        let dead = timeout(RECOVERY, async {
            while postern.pid().is_some() {
                sleep(AGAIN).await;
            }
        });
        dead.await.context("no part was ever sent")?;
        let (parts, staged) = (bucket.parts()?, bucket.staged()?);
        ensure!(!parts.is_empty() && staged.len() == 1, "{parts:?} {staged:?}");
        fs::remove_file(&armed)?;
        postern.kill().await?;
        postern.start().await?;
        let swept = timeout(RECOVERY, async {
            while parts.iter().chain(&staged).any(|left| left.exists()) {
                sleep(AGAIN).await;
            }
        });
        swept.await.with_context(|| format!("they stay: {parts:?} {staged:?}"))?;
        scene.still_works("killed-again").await?;
        is_served(&scene.url().await?, &scene.artifact().await?).await?;
        let (parts, staged) = (bucket.parts()?, bucket.staged()?);
        ensure!(parts.is_empty() && staged.is_empty(), "{parts:?} {staged:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_upload_that_takes_long_is_not_taken_for_one_that_was_left() -> Result<()> {
    let scene = Scene::alone().await?;
    Bucket::lend(&scene, "s3-slow", async |bucket| {
        let gate = Gate::before(bucket.gateway.address()).await?;
        let mut postern = bucket.hasty();
        postern.environment.push(("AWS_ENDPOINT_URL", format!("http://{}", gate.address)));
        postern.restart().await?;
        let (before, downloads) = (scene.artifact().await?, scene.upstream.downloads());
        scene.upstream.answer(Answer::data(noise(0, LARGE)));
        scene.annotate("slow").await?;
        let begun = timeout(RECOVERY, async {
            while bucket.staged()?.is_empty() {
                sleep(AGAIN).await;
            }
            anyhow::Ok(())
        });
        begun.await.context("nothing is uploaded")??;
        let (noted, began) = (bucket.staged()?, Instant::now());
        while began.elapsed() < LONG {
            ensure!(noted.iter().all(|noted| noted.exists()), "it goes after {:?}", began.elapsed());
            sleep(AGAIN).await;
        }
        gate.open();
        scene.still_works("at-last").await?;
        let artifact = scene.artifact().await?;
        ensure!(artifact.digest != before.digest, "it was not published");
        is_served(&artifact.url, &artifact).await?;
        ensure!(scene.upstream.downloads() == downloads + 1, "its pass had to be made again");
        let (parts, staged) = (bucket.parts()?, bucket.staged()?);
        ensure!(parts.is_empty() && staged.is_empty(), "{parts:?} {staged:?}");
        Ok(())
    })
    .await
}
