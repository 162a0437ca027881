//! What client and executor say to each other, over HTTP/1.1.
//!
//! `POST /execute` has two forms. The plain one is that of the original: JSON in, JSON out, input and output in base64, all
//! of it in memory. The streaming one is asked for by `Content-Type: application/octet-stream`: the command stands in a
//! header, the body is its input, the answer its output, and only the trailers say how it ended, so that neither side
//! ever holds more than a few pieces. An answer without trailers was cut off.
use crate::Command;
use base64::{Engine, prelude::BASE64_STANDARD};
use crds::duration;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, str::FromStr, time::Duration};

/// Where commands are run.
pub const EXECUTE: &str = "/execute";
/// The media type that asks for the streaming form.
pub const STREAM: &str = "application/octet-stream";
/// The header that holds the command in the streaming form: a [`Request`] as JSON in base64.
pub const COMMAND: &str = "hook-command";
/// The trailer that says how the command ended: an [`Ended`].
pub const ENDED: &str = "hook-ended";
/// The trailer that holds the exit code, where there is one.
pub const EXIT_CODE: &str = "hook-exit-code";

/// How long a command runs if the request does not say.
const USUAL_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest that it may ask for.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(600);

/// A command to run.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// The program.
    pub command: String,
    /// Its arguments.
    #[serde(default, deserialize_with = "nothing_is_empty")]
    pub args: Vec<String>,
    /// Longest time that it may run, as a Go duration.
    #[serde(default)]
    pub timeout: String,
    /// Its environment.
    #[serde(default, deserialize_with = "nothing_is_empty")]
    pub env: BTreeMap<String, String>,
    /// Its input, in base64; not used by the streaming form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin: Option<String>,
}

/// Go writes `null` for a list or a map that holds nothing.
fn nothing_is_empty<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// What came of it, in the plain form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// What it wrote, in base64.
    pub stdout: String,
    /// The beginning of what it wrote on standard error, in base64.
    pub stderr: String,
    /// Its exit code: −1 if it was ended, 1 if it could not be started.
    pub exit_code: i32,
    /// In which way it ended: an [`Ended`].
    #[serde(default)]
    pub ended: String,
}

/// Why a request holds no command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It is not the JSON that is expected.
    #[error("the command must be JSON with command, args, timeout and env")]
    Json,
    /// A text is not base64.
    #[error("must be base64")]
    Base64,
    /// The duration cannot be used.
    #[error("timeout must be a Go duration of at most 10m, such as 30s")]
    Timeout,
}

impl Request {
    /// What asks for that command.
    pub fn new(command: &Command) -> Self {
        Self {
            command: command.program.clone(),
            args: command.args.clone(),
            timeout: duration::format(command.timeout),
            env: command.env.clone(),
            stdin: None,
        }
    }

    /// As [`COMMAND`] holds it.
    pub fn to_header(&self) -> String {
        BASE64_STANDARD.encode(serde_json::to_vec(self).expect("texts serialize"))
    }

    /// From [`COMMAND`].
    ///
    /// # Errors
    /// It is not base64, or holds no request.
    pub fn from_header(text: &[u8]) -> Result<Self, Malformed> {
        Self::from_json(&BASE64_STANDARD.decode(text).map_err(|_| Malformed::Base64)?)
    }

    /// From a body.
    ///
    /// # Errors
    /// It is no request. What it is stays unsaid: it may hold secrets.
    pub fn from_json(json: &[u8]) -> Result<Self, Malformed> {
        serde_json::from_slice(json).map_err(|_| Malformed::Json)
    }

    /// Takes the input out, decoded.
    ///
    /// # Errors
    /// It is not base64.
    pub fn take_stdin(&mut self) -> Result<Vec<u8>, Malformed> {
        BASE64_STANDARD.decode(self.stdin.take().unwrap_or_default()).map_err(|_| Malformed::Base64)
    }

    /// The command that is asked for.
    ///
    /// # Errors
    /// Its timeout is no duration, or too long.
    pub fn into_command(self) -> Result<Command, Malformed> {
        let timeout = match &*self.timeout {
            "" => USUAL_TIMEOUT,
            text => duration::parse(text).map_err(|_| Malformed::Timeout)?,
        };
        if timeout.is_zero() || timeout > LONGEST_TIMEOUT {
            return Err(Malformed::Timeout);
        }
        Ok(Command { program: self.command, args: self.args, env: self.env, timeout })
    }
}

impl Response {
    /// The answer of that ending.
    pub fn new(ended: Ended, stdout: &[u8], stderr: &[u8]) -> Self {
        Self {
            stdout: BASE64_STANDARD.encode(stdout),
            stderr: BASE64_STANDARD.encode(stderr),
            exit_code: match ended {
                Ended::Exited(code) => code,
                Ended::NotStarted => 1,
                _ => -1,
            },
            ended: ended.to_string(),
        }
    }
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By itself.
    Exited(i32),
    /// By a signal, most often one of its limits.
    Killed,
    /// Its time was over.
    TimedOut,
    /// It wrote more than it may.
    OutputTooLarge,
    /// A process that it left behind holds its output open.
    LeftRunning,
    /// The program is not there, or cannot be run.
    NotStarted,
    /// Its input was cut off, or nobody waits for its output any more.
    Abandoned,
}

impl Ended {
    const ALL: [Self; 6] = [
        Self::Killed,
        Self::TimedOut,
        Self::OutputTooLarge,
        Self::LeftRunning,
        Self::NotStarted,
        Self::Abandoned,
    ];

    /// A word of a closed set, for metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Exited(0) => "Succeeded",
            Self::Exited(_) => "Failed",
            Self::Killed => "Killed",
            Self::TimedOut => "TimedOut",
            Self::OutputTooLarge => "OutputTooLarge",
            Self::LeftRunning => "LeftRunning",
            Self::NotStarted => "NotStarted",
            Self::Abandoned => "Abandoned",
        }
    }

    /// From the two trailers; `None` if they make no sense.
    pub fn from_trailers(ended: &str, exit_code: Option<&str>) -> Option<Self> {
        match ended {
            "Exited" => exit_code?.parse().ok().map(Self::Exited),
            other => other.parse().ok(),
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if let Self::Exited(_) = self { "Exited" } else { self.label() })
    }
}

impl FromStr for Ended {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|ended| ended.label() == text).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command() -> Command {
        Command {
            program: "jq".into(),
            args: vec!["-r".into(), ".ünï".into()],
            env: [("A".to_owned(), "b".to_owned())].into(),
            timeout: Duration::from_millis(1500),
        }
    }

    #[test]
    fn a_command_survives_the_header() {
        let header = Request::new(&command()).to_header();
        assert!(header.is_ascii());
        let read = Request::from_header(header.as_bytes()).and_then(Request::into_command);
        assert!(read == Ok(command()));
    }

    #[test]
    fn what_the_original_sends_is_understood() {
        let json = br#"{"command":"jq","args":null,"timeout":"30s","env":null,"stdin":"aGk="}"#;
        let mut request = Request::from_json(json).expect("as the original's client writes it");
        assert_eq!(request.take_stdin().expect("base64"), b"hi");
        let command = request.into_command().expect("a command");
        assert_eq!((command.args.len(), command.timeout), (0, Duration::from_secs(30)));
    }

    #[test]
    fn the_answer_is_the_originals() {
        let answer = Response::new(Ended::Exited(3), b"out", b"\xff");
        let json = serde_json::to_value(&answer).expect("texts");
        assert_eq!(
            (&json["stdout"], &json["stderr"], &json["exitCode"]),
            (&"b3V0".into(), &"/w==".into(), &3.into())
        );
        assert_eq!(Response::new(Ended::TimedOut, b"", b"").exit_code, -1);
        assert_eq!(Response::new(Ended::NotStarted, b"", b"").exit_code, 1);
    }

    #[test]
    fn what_is_no_command_is_refused() {
        for (json, why) in [
            ("", Malformed::Json),
            ("[]", Malformed::Json),
            (r#"{"args":[]}"#, Malformed::Json),
            (r#"{"command":"jq","timeout":"soon"}"#, Malformed::Timeout),
            (r#"{"command":"jq","timeout":"0s"}"#, Malformed::Timeout),
            (r#"{"command":"jq","timeout":"11m"}"#, Malformed::Timeout),
        ] {
            let found = Request::from_json(json.as_bytes()).and_then(Request::into_command);
            assert_eq!(found.map(|_| ()), Err(why), "{json}");
        }
        assert_eq!(Request::from_header(b"!").map(|_| ()), Err(Malformed::Base64));
    }

    #[test]
    fn every_ending_survives_the_trailers() {
        for ended in Ended::ALL.into_iter().chain([Ended::Exited(0), Ended::Exited(-7)]) {
            let code = if let Ended::Exited(code) = ended { Some(code.to_string()) } else { None };
            assert_eq!(Ended::from_trailers(&ended.to_string(), code.as_deref()), Some(ended));
        }
        assert_eq!(Ended::from_trailers("Exited", None), None);
        assert_eq!(Ended::from_trailers("Succeeded", Some("0")), None);
    }
}
