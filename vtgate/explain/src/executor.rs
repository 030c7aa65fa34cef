//! The pure part of vtgate's executor, from vtgate's own files: which shards the values of a plan are on. Taken
//! as they are, so that what is explained is what would happen.

#[allow(dead_code)]
#[rustfmt::skip]
#[path = "../../src/executor/binds.rs"]
pub mod binds;

pub mod run;
