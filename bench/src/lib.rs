//! Benchmarks: sysbench against a plain mysqld and through vtgate, in one run, in turns.
//!
//! Two runs on one machine differ by what else the machine does; what is measured alternately in one run can
//! be compared. Every figure comes with the CPU time that each process used for a query, which moves less than
//! the rate does.

pub mod machine;
pub mod quick;
pub mod report;
pub mod scale;
pub mod sysbench;
