//! From an address to a stored, verified artifact: plan, fetch, pack, store, and reading back.
pub mod egress;
