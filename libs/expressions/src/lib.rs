//! CEL over what a source sent: what is an expression ([`Expression`]), and what becomes of one.
//!
//! An expression is read wherever one is judged: the parser is bounded, so admission can ask it. It is evaluated nowhere
//! but in a process of its own, whose time and memory the kernel bounds, since the interpreter knows no bound:
//! [`Evaluator`] starts that process, `evaluation` is what it does, `frames` how the two speak. Of our crates it imports
//! `crds`. Start reading at [`Evaluator::run`].
mod document;
mod evaluation;
mod evaluator;
mod expression;
mod frames;
mod metrics;
mod order;
mod reference;
mod told;
mod value;

pub use evaluation::serve;
pub use evaluator::{Error, Evaluator, Input, Named};
pub use expression::{Expression, Language, Malformed};
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
