//! Traces of queries: spans, and how they come to a collector of OpenTelemetry's.
//!
//! A query that is traced has a [`SpanContext`], which comes from a comment of its text ([`of_sql`]), from the
//! process that asks (a `traceparent`), or from the dice. Spans that are done go into a bounded queue to one task,
//! which sends them in batches over gRPC ([`Tracer`]); nobody waits for it, and what does not fit is counted.

mod comment;
mod context;
mod export;
pub mod otlp;
mod span;

pub use comment::of_sql;
pub use context::SpanContext;
pub use export::{Target, Tracer, TracerOptions};
pub use span::{Attribute, Kind, Open, Span};
