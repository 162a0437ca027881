//! What would become of an object with this spec: the question that the roles which hear from users put to a controller.
//!
//! A preview reads Secrets and fetches, which the controller alone may do. [`Previewer`] is who answers: [`Local`] where the
//! controller is a part of the same process, else [`Remote`], which is the one way between the roles; [`Replica`] is both, for what the
//! controller of another replica alone knows. The question is the
//! same for every kind, and of the answer only what people read is known here; the rest is between the kind's resource
//! and its folder in the controller. What passes did is asked for in the same ways: [`logs`]. Of our crates it imports `crds` and
//! `telemetry`. Start with [`Question`].
mod local;
pub mod logs;
mod proof;
mod remote;
mod replica;
mod token;

pub use local::Local;
pub use proof::Proof;
pub use remote::{Authorities, Remote};
pub use replica::Replica;
pub use token::make_token;

use crds::rules::FieldError;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

/// Whom a token must be made for that lets its bearer ask.
pub const AUDIENCE: &str = "controller.postern.dev";

/// Where questions are sent, below the address of a controller.
pub const PATH: &str = "/previews";

/// The right to ask, as roles grant it in the namespace of Postern: to `create` this resource of this group. There are no
/// such objects.
pub const RIGHT: (&str, &str) = (AUDIENCE, "previews");

/// Bytes that a question may have; objects in Kubernetes have no more.
pub const LONGEST_QUESTION: usize = 3 << 20;

/// Characters of a sentence that kube-apiserver shows as a warning; longer ones it may cut.
pub const LONGEST_SENTENCE: usize = 120;

/// What would become of this object?
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Question {
    /// Its kind, as in `ExternalSource`.
    pub kind: String,
    /// Where it is, or would be.
    pub namespace: String,
    /// What it is called, or would be.
    pub name: String,
    /// The spec that is tried.
    pub spec: Value,
    /// Whether only what changes nothing elsewhere may be done to find out.
    #[serde(default)]
    pub only_reads: bool,
}

/// This would.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// For people: at most [`LONGEST_SENTENCE`] characters each, and nothing that only readers of content may know.
    pub summary: Vec<String>,
    /// All of it, as the kind tells it.
    pub outcome: Value,
}

/// Nothing would, or nobody can tell.
#[derive(Clone, Debug, PartialEq, Error, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Refusal {
    /// Admission would not let it in.
    #[error("the spec breaks a rule")]
    Invalid(Vec<FieldError>),
    /// It would be let in, and fail.
    #[error("{message}")]
    Failed {
        /// Who can change that.
        blame: Blame,
        /// The reason that its condition would have.
        reason: String,
        /// The message that its condition would have.
        message: String,
    },
    /// Nobody can tell now.
    #[error("{0}")]
    Unavailable(String),
}

/// Who can change a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Blame {
    /// Whoever wrote the spec, or its Secrets.
    Owner,
    /// Where the spec leads to.
    Elsewhere,
    /// Whoever operates Postern.
    Installation,
}

/// Answers questions. How long that may take is up to who asks: dropping the future ends it, and leaves nothing behind.
pub trait Previewer: Send + Sync + 'static {
    /// What would become of it.
    fn preview(&self, question: Question) -> BoxFuture<'_, Result<Answer, Refusal>>;
}

/// A text as one sentence of a summary: on one line, and not too long.
pub fn sentence(text: &str) -> String {
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    let mut shown: String = text.chars().take(LONGEST_SENTENCE).map(printable).collect();
    if text.chars().nth(LONGEST_SENTENCE).is_some() {
        shown.pop();
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_fits_into_a_warning() {
        assert_eq!(sentence("a\nb"), "a b");
        let long = sentence(&"é".repeat(121));
        assert_eq!((long.chars().count(), long.ends_with('…')), (120, true));
        assert_eq!(sentence(&"é".repeat(120)), "é".repeat(120));
    }

    #[test]
    fn what_is_answered_arrives_as_it_was_said() {
        let invalid = crds::rules::FieldError {
            path: "spec.interval".into(),
            kind: crds::rules::Violation::Invalid,
            detail: "Invalid value".into(),
        };
        for said in [
            Ok(Answer { summary: vec!["a".into()], outcome: serde_json::json!({ "b": 1 }) }),
            Err(Refusal::Invalid(vec![invalid])),
            Err(Refusal::Unavailable("c".into())),
            Err(Refusal::Failed { blame: Blame::Owner, reason: "D".into(), message: "e".into() }),
        ] {
            let text = serde_json::to_vec(&said).unwrap();
            assert_eq!(serde_json::from_slice::<Result<Answer, Refusal>>(&text).unwrap(), said);
        }
    }
}
