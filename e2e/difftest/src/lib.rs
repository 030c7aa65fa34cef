//! The same statements on a sharded cluster and on one plain mysqld, answers compared: rows, their order as far
//! as it is asked for, column names and types, affected rows, insert ids, errors' numbers, and the tables after
//! every write.
//!
//! Statements come from three places: the text files of `suite/` ([`script`], [`suite`]), a generator that makes
//! schemas, rows and statements from a seed ([`generate`]), and the suite's statements changed by a seed ([`mutate`]).
//! A made case that differs is made small ([`shrink`]) and printed; a generated one as a text for `suite/`.
//!
//! What must hold: both sides are asked by the same client over the text protocol, statement by statement; a
//! difference is never passed over without an entry in a list that says why ([`compare::types`], [`expected`]);
//! a write that the cluster refuses by name is not sent to the other side, so that the tables stay equal.

pub mod answer;
pub mod compare;
pub mod coverage;
pub mod dice;
pub mod expected;
pub mod generate;
pub mod mutate;
pub mod options;
pub mod order;
pub mod pair;
pub mod run;
pub mod script;
pub mod shrink;
pub mod stand;
pub mod suite;
pub mod tables;
pub mod tally;

/// What went wrong with the test itself, in words: a cluster that does not start, a file that cannot be read.
pub type Result<T> = std::result::Result<T, String>;
