//! Expressions over what a source sent, in CEL, in jq and as templates: what is one ([`Languages`]), and what becomes of one.
//!
//! An expression is read wherever one is judged: what is read is bounded in length and depth, so admission can ask. It is evaluated
//! nowhere but in a process of its own, whose time and memory the kernel bounds, since the interpreters know no bound:
//! [`Evaluator`] starts that process, `evaluation` is what it does, `frames` how the two speak. A language is a file that reads a
//! text, reads data into values of its own (`data`) and evaluates. Of our crates it imports `crds`. Start reading at
//! [`Evaluator::run`].
mod cel;
mod data;
mod document;
mod evaluation;
mod evaluator;
mod expression;
mod frames;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod jq;
mod metrics;
mod template;

pub use evaluation::serve;
pub use evaluator::{Error, Evaluator, Input, Named};
pub use expression::{Languages, Program};
pub use metrics::Metrics;

use std::time::Duration;

/// The subcommand by which a program of ours evaluates for another one.
pub const SUBCOMMAND: &str = "evaluate-expressions";

/// How much processor time one expression may take.
pub const TIME: Duration = Duration::from_millis(100);
/// How much memory an evaluation may take, the data and what is made of it included, in bytes.
pub const MEMORY: u64 = 64 << 20;
/// The largest data that expressions can be asked about, in bytes. What is decoded takes several times as much.
pub const LARGEST_BODY: u64 = 8 << 20;
/// The most that all expressions of a pass may make together, in bytes.
pub const LARGEST_RESULT: u64 = 16 << 20;
