//! .

pub mod serve;
