//! Those who attack a server in a test: which attacks there are, and the connections that they make.
//!
//! The program of this crate runs one of them until its input ends. It is a process of its own so that whoever measures the server
//! shares neither runtime, nor memory, nor locks with those who burden it. It imports nothing of ours. Start reading at [`attack`].
pub mod attack;
mod band;
mod frames;
pub mod sockets;
pub mod tls;

pub use attack::Attack;
pub use band::{Band, Target};
