//! Files with a line for each statement: the query log, which may lose lines and never holds a query up, and the
//! audit log, which holds statements up rather than lose one.
//!
//! Both hand their lines to a thread of their own ([`writer`]) through a bounded queue. What is in a line is for
//! the service to say: here it is names and values in order ([`Line`]).

mod audit;
mod filter;
mod line;
mod options;
mod page;
mod query_log;
mod values;
mod writer;

pub use audit::{AuditLog, AuditOptions, OnFailure};
pub use filter::{Facts, Filter};
pub use line::{Format, Line, seconds};
pub use options::QueryLogOptions;
pub use query_log::{QueryLog, Reasons};
pub use values::bind_values;
