//! Serving queries: from a request of the query service to mysqld and back.
//!
//! The path of a query, top to bottom: [`service`] checks that the tablet serves what is asked for, looks
//! up the plan of the text ([`plan`]), writes the values in ([`bind`]), borrows a connection ([`pool`], or
//! the one of a transaction, [`tx`]) and reads the answer under a deadline ([`kill`]).

pub mod bind;
pub mod health;
pub mod kill;
pub mod observe;
pub mod plan;
pub mod pool;
pub mod schema;
pub mod sequence;
pub mod service;
pub mod tx;
