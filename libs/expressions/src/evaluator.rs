//! Has expressions evaluated, in a process for each pass that has any.
use crate::{
    LARGEST_BODY, LARGEST_RESULT, Metrics, Program, SUBCOMMAND,
    frames::{self, Answer, Asked, HEAD},
};
use bytes::Bytes;
use futures::{Stream, TryStreamExt};
use nix::sys::signal::Signal;
use std::{
    collections::BTreeMap,
    io,
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    pin::pin,
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
    sync::Semaphore,
    time::timeout,
};

/// How many processes there are at once: each may take all the memory that it is allowed.
const AT_ONCE: usize = 2;
/// How long one may take by the clock, on a machine that has little time for it.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much of what it complains about is looked at.
const COMPLAINT: u64 = 4 << 10;

/// An expression, and the field of the spec that holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The field, as in `spec.transform.cel`.
    pub field: String,
    /// The expression.
    pub program: Program,
}

/// What expressions are asked about, beside the data.
#[derive(Clone, Debug, Default)]
pub struct Input {
    /// The status code that the source answered with.
    pub status: u16,
    /// The headers of its answer, with names in lower case.
    pub headers: BTreeMap<String, String>,
    /// Makes the data that the others are asked about.
    pub transform: Option<Named>,
    /// Each makes one result.
    pub others: Vec<Named>,
}

/// Why there are no results. Nothing of the data is in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An expression has no value for this data.
    #[error("{field}: {problem}")]
    Failed {
        /// The field that holds it.
        field: String,
        /// What is wrong.
        problem: String,
    },

    /// An expression takes more than it may.
    #[error("{field}: {excess}")]
    OverBudget {
        /// The field that holds it.
        field: String,
        /// More of what.
        excess: &'static str,
    },

    /// There is more data than expressions can be asked about.
    #[error("the data has more than {LARGEST_BODY} bytes, the most that expressions take")]
    TooLarge,

    /// The process could not be started, or ended in a way that it should not.
    #[error("{field}: cannot be evaluated now")]
    Unavailable {
        /// The field of the expression that was to be evaluated.
        field: String,
        /// What the system said.
        source: io::Error,
    },

    /// The data could not be read.
    #[error("the data to evaluate cannot be read")]
    Read(#[source] io::Error),
}

/// Evaluates, with a program that takes [`SUBCOMMAND`].
#[derive(Debug)]
pub struct Evaluator {
    program: PathBuf,
    turns: Semaphore,
    metrics: Metrics,
}

impl Evaluator {
    /// With that program.
    pub fn new(program: PathBuf) -> Self {
        Self { program, turns: Semaphore::new(AT_ONCE), metrics: Metrics::default() }
    }

    /// With the program that runs here, even if its file was replaced meanwhile.
    pub fn of_this_program() -> Self {
        Self::new("/proc/self/exe".into())
    }

    /// The same, counted there.
    #[must_use]
    pub fn counted_by(self, metrics: Metrics) -> Self {
        Self { metrics, ..self }
    }

    /// The results of all expressions but of a transformation that others follow, in their order. `data` is read only once it is
    /// this pass's turn, and must be `length` bytes.
    ///
    /// # Errors
    /// The first expression that gave no result, or none could.
    pub async fn run(
        &self,
        input: &Input,
        data: impl Stream<Item = io::Result<Bytes>>,
        length: u64,
    ) -> Result<Vec<Vec<u8>>, Error> {
        if length > LARGEST_BODY {
            return Err(Error::TooLarge);
        }
        let _turn = self.turns.acquire().await.expect("nobody closes the turns");
        let began = Instant::now();
        let result = self.evaluate(input, data).await;
        self.metrics.evaluated(&result, began.elapsed());
        result
    }

    async fn evaluate(
        &self,
        input: &Input,
        data: impl Stream<Item = io::Result<Bytes>>,
    ) -> Result<Vec<Vec<u8>>, Error> {
        let unavailable = |source| Error::Unavailable { field: input.field(0), source };
        let child = self.start().map_err(unavailable)?;
        match timeout(PATIENCE, converse(child, input, data)).await {
            Ok(Ok(ended)) => ended.judged(input),
            Ok(Err(error)) => Err(Error::Read(error)),
            // Dropped with the conversation, it is ended.
            Err(_) => Err(unavailable(io::ErrorKind::TimedOut.into())),
        }
    }

    fn start(&self) -> io::Result<Child> {
        let mut command = Command::new(&self.program);
        command.arg(SUBCOMMAND).env_clear().current_dir("/").kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn()
    }
}

impl Input {
    fn named(&self) -> impl Iterator<Item = &Named> {
        self.transform.iter().chain(&self.others)
    }

    /// The field of the expression at `place`.
    fn field(&self, place: usize) -> String {
        self.named().nth(place).map(|named| named.field.clone()).unwrap_or_default()
    }

    fn asked(&self) -> Asked {
        Asked {
            status: self.status,
            headers: self.headers.clone(),
            transform: self.transform.as_ref().map(|named| named.program.clone()),
            others: self.others.iter().map(|named| named.program.clone()).collect(),
        }
    }
}

/// How a process came to its end, and what it said until then.
struct Ended {
    status: ExitStatus,
    answers: Vec<Answer>,
    /// It said more than it may.
    is_cut: bool,
    complaint: Vec<u8>,
}

/// # Errors
/// The data cannot be read. All else shows in how the process ends.
async fn converse(
    mut child: Child,
    input: &Input,
    data: impl Stream<Item = io::Result<Bytes>>,
) -> io::Result<Ended> {
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(mut stdin), Some(stdout), Some(stderr)) = pipes else {
        return Err(io::ErrorKind::BrokenPipe.into());
    };
    let ask = async move {
        let mut data = pin!(data);
        // One that ends before it has read everything says why by its end.
        let mut hears = stdin.write_all(&input.asked().written()).await.is_ok();
        while let Some(piece) = data.try_next().await? {
            hears = hears && stdin.write_all(&piece).await.is_ok();
        }
        Ok(())
    };
    let most = LARGEST_RESULT + (HEAD * input.named().count()) as u64;
    let ((), (said, is_cut), (complaint, _)) =
        tokio::try_join!(ask, beginning(stdout, most), beginning(stderr, COMPLAINT))?;
    let status = child.wait().await?;
    Ok(Ended { status, answers: frames::read(&said), is_cut, complaint })
}

/// The beginning of a stream, and whether it goes on: then nobody reads the rest, and who writes it notices.
async fn beginning(stream: impl AsyncRead + Unpin, most: u64) -> io::Result<(Vec<u8>, bool)> {
    let mut kept = Vec::new();
    let mut stream = stream.take(most + 1);
    stream.read_to_end(&mut kept).await?;
    Ok((kept, stream.limit() == 0))
}

impl Ended {
    fn judged(self, input: &Input) -> Result<Vec<Vec<u8>>, Error> {
        let mut results = Vec::new();
        for (place, answer) in self.answers.iter().enumerate() {
            match answer {
                Ok(made) => results.push(made.clone()),
                Err(problem) => {
                    return Err(Error::Failed { field: input.field(place), problem: problem.clone() });
                }
            }
        }
        let field = input.field(results.len().min(input.named().count() - 1));
        if self.is_cut {
            return Err(Error::OverBudget { field, excess: "all results together have more than 16 MiB" });
        }
        if let Some(excess) = self.excess() {
            return Err(Error::OverBudget { field, excess });
        }
        if !self.status.success() || results.len() != input.named().count() {
            return Err(Error::Unavailable { field, source: io::Error::other(self.status.to_string()) });
        }
        // Of a transformation that others follow, only those have seen what it made.
        let inner = usize::from(input.transform.is_some() && !input.others.is_empty());
        Ok(results.split_off(inner))
    }

    /// What there was too much of. An allocation that fails, and a stack that overflows, both end a process by the same signal; the
    /// standard library says before which of them it was.
    fn excess(&self) -> Option<&'static str> {
        let says = |words: &str| String::from_utf8_lossy(&self.complaint).contains(words);
        match self.status.signal().and_then(|number| Signal::try_from(number).ok())? {
            Signal::SIGXCPU => Some("takes more than 100 ms of processor time"),
            Signal::SIGABRT if says("memory allocation of") => {
                Some("takes more than 64 MiB of memory, the data and what is made of it included")
            }
            Signal::SIGABRT | Signal::SIGSEGV => Some("goes too deep"),
            _ => None,
        }
    }
}
