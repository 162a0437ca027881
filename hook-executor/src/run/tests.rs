//! Real processes, well and badly behaved.
use super::*;
use futures::stream;
use std::time::Instant;

const LIMITS: Limits = Limits { output: 4 << 20, memory: 1 << 30 };

fn command(program: &str, args: &[&str]) -> Command {
    Command {
        program: program.into(),
        args: args.iter().map(ToString::to_string).collect(),
        env: Default::default(),
        timeout: Duration::from_secs(20),
    }
}

/// How a command ended that got that input, and what it wrote.
async fn ran(command: &Command, input: &'static [u8]) -> (Outcome, Vec<u8>) {
    // The command's output, for the test to look at.
    let (output_tx, mut output_rx) = mpsc::channel::<Bytes>(4);
    let collect = async {
        let mut all = Vec::new();
        while let Some(piece) = output_rx.recv().await {
            all.extend_from_slice(&piece);
        }
        all
    };
    tokio::join!(run(command, LIMITS, stream::iter([Ok(Bytes::from_static(input))]), output_tx), collect)
}

fn shell(script: &str) -> Command {
    command("/bin/sh", &["-c", script])
}

#[tokio::test]
async fn bytes_go_through_as_they_are() {
    static EVERY_BYTE: [u8; 1 << 16] = {
        let mut all = [0; 1 << 16];
        let mut i = 0;
        while i < all.len() {
            all[i] = (i % 256) as u8;
            i += 1;
        }
        all
    };
    let (outcome, output) = ran(&command("cat", &[]), &EVERY_BYTE).await;
    assert_eq!(outcome.ended, Ended::Exited(0));
    assert!(output == EVERY_BYTE);
}

#[tokio::test]
async fn a_command_has_no_environment_but_its_own_and_no_shell_around_it() {
    let env = [("REGION".to_owned(), "a b".to_owned())].into();
    let (_, output) = ran(&Command { env, ..command("env", &[]) }, b"").await;
    assert_eq!(String::from_utf8_lossy(&output), "REGION=a b\n");
    let (_, output) = ran(&command("echo", &["$HOME; id", "*"]), b"").await;
    assert_eq!(String::from_utf8_lossy(&output), "$HOME; id *\n");
}

#[tokio::test]
async fn the_code_and_the_beginning_of_standard_error_are_told() {
    let (outcome, output) = ran(&shell(r"printf out; printf '\377\376' >&2; exit 7"), b"unread").await;
    assert_eq!(
        (outcome.ended, output.as_slice(), outcome.stderr.as_slice()),
        (Ended::Exited(7), &b"out"[..], &b"\xff\xfe"[..])
    );
    let (outcome, _) = ran(&shell("head -c 1000000 /dev/zero >&2"), b"").await;
    assert_eq!((outcome.ended, outcome.stderr.len()), (Ended::Exited(0), STDERR));
    assert_eq!(ran(&shell("kill -9 $$"), b"").await.0.ended, Ended::Killed);
    assert_eq!(ran(&command("no-such-program", &[]), b"").await.0.ended, Ended::NotStarted);
    assert_eq!(ran(&command("./relative", &[]), b"").await.0.ended, Ended::NotStarted);
}

#[tokio::test]
async fn what_prints_without_end_is_stopped_at_the_limit() {
    let (outcome, output) = ran(&shell("exec head -c 1073741824 /dev/zero"), b"").await;
    assert_eq!(outcome.ended, Ended::OutputTooLarge);
    assert!(output.len() as u64 <= LIMITS.output);
}

#[tokio::test]
async fn what_ignores_sigterm_and_all_that_it_started_end_with_its_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let pids = folder.path().join("pids");
    let script = format!("trap '' TERM; sleep 600 & echo $! > {0}; echo $$ >> {0}; wait", pids.display());
    let stubborn = Command { timeout: Duration::from_millis(500), ..shell(&script) };
    let began = Instant::now();
    assert_eq!(ran(&stubborn, b"").await.0.ended, Ended::TimedOut);
    assert!(began.elapsed() < Duration::from_secs(20), "it was waited for");
    are_gone(&pids).await;
}

#[tokio::test]
async fn what_forks_and_lingers_in_its_group_holds_nobody_up() {
    let (outcome, output) = ran(&shell("sleep 600 & echo done"), b"").await;
    assert_eq!((outcome.ended, output.as_slice()), (Ended::Exited(0), &b"done\n"[..]));
}

#[tokio::test]
async fn what_leaves_its_group_and_holds_the_output_is_ended_with_its_command() {
    orphans::adopt().expect("the kernel lets us");
    let folder = tempfile::tempdir().expect("a folder");
    let pids = folder.path().join("pids");
    let script = format!(
        "setsid sh -c 'echo $$ > {0}; sleep 600; :' & while [ ! -s {0} ]; do :; done",
        pids.display()
    );
    assert_eq!(ran(&shell(&script), b"").await.0.ended, Ended::Exited(0));
    are_gone(&pids).await;
}

#[tokio::test]
async fn a_command_may_leave_its_input_unread() {
    let input = stream::iter((0..2_000).map(|_| Ok(Bytes::from_static(&[7; 1 << 10]))));
    // Nobody reads it: the command writes nothing.
    let (output_tx, _output_rx) = mpsc::channel(4);
    assert_eq!(run(&command("true", &[]), LIMITS, input, output_tx).await.ended, Ended::Exited(0));
}

#[tokio::test]
async fn half_an_input_is_never_taken_for_a_whole_one() {
    let broken: Result<Bytes, BoxError> = Err("cut off".into());
    let input = stream::iter([Ok(Bytes::from_static(b"half")), broken]);
    // What came out is worth nothing, and dropped.
    let (output_tx, _output_rx) = mpsc::channel(4);
    assert_eq!(run(&command("cat", &[]), LIMITS, input, output_tx).await.ended, Ended::Abandoned);
}

#[tokio::test]
async fn a_command_ends_when_nobody_waits_for_it() {
    // The receiver goes at once.
    let (output_tx, output_rx) = mpsc::channel(4);
    drop(output_rx);
    let ended = run(&shell("exec sleep 600"), LIMITS, stream::pending(), output_tx).await.ended;
    assert_eq!(ended, Ended::Abandoned);
}

#[tokio::test]
async fn limits_bound_memory_and_files() {
    let (outcome, output) = ran(&shell("sleep 0.2; ulimit -v; ulimit -n; ulimit -c"), b"").await;
    assert_eq!(outcome.ended, Ended::Exited(0));
    assert_eq!(String::from_utf8_lossy(&output), "1048576\n256\n0\n");
}

/// Waits until none of the processes whose numbers a file holds is there any more.
async fn are_gone(pids: &std::path::Path) {
    let text = std::fs::read_to_string(pids).expect("the script wrote it");
    assert!(text.lines().count() > 0);
    for pid in text.lines() {
        let status = std::path::Path::new("/proc").join(pid).join("stat");
        let runs = || std::fs::read_to_string(&status).is_ok_and(|stat| !stat.contains(") Z "));
        tokio::time::timeout(Duration::from_secs(10), async {
            while runs() {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap_or_else(|_| panic!("process {pid} is still there"));
    }
}
