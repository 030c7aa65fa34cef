//! The query log's flags, as Vitess names them.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use servenv::parse_duration;
use vterrors::{Error, Result};

use crate::{Filter, Format};

/// What of the queries is written where.
#[derive(Debug, Clone, Args)]
pub struct QueryLogOptions {
    /// File that gets a line for each query; opened again on SIGHUP. None when not given
    #[arg(long, value_name = "FILE", help_heading = "Query log")]
    pub log_queries_to_file: Option<PathBuf>,
    /// How a line is written: Name=value with tabs between, or a JSON object
    #[arg(long, value_enum, default_value_t = Format::Text, help_heading = "Query log")]
    pub querylog_format: Format,
    /// Which queries: all, or error: those that failed
    #[arg(long, default_value = "all", value_parser = ["all", "error"], help_heading = "Query log")]
    pub querylog_mode: String,
    /// Only queries that took at least so long; their lines carry the plan
    #[arg(long, default_value = "0", value_parser = parse_duration, help_heading = "Query log")]
    pub querylog_time_threshold: Duration,
    /// Only queries that returned or changed at least so many rows
    #[arg(long, default_value_t = 0, help_heading = "Query log")]
    pub querylog_row_threshold: u64,
    /// Only queries whose text contains this, as in a comment
    #[arg(long, default_value = "", help_heading = "Query log")]
    pub querylog_filter_tag: String,
    /// Log a query when one of these conditions is met, not all of them
    #[arg(long, help_heading = "Query log")]
    pub querylog_emit_on_any_condition_met: bool,
    /// Part of the queries, 0 to 1, that is logged though it does not meet the conditions; of all queries when
    /// there are none. 0 leaves it to the conditions
    #[arg(long, default_value_t = 0.0, help_heading = "Query log")]
    pub querylog_sample_rate: f64,
    /// Lines that may wait to be written; more are dropped and counted (QueryLogDropped)
    #[arg(long, default_value_t = 1000, help_heading = "Query log")]
    pub querylog_buffer_size: usize,
    /// Leave values and the texts of errors out of the query log and its page: only what has no values is told
    #[arg(long, help_heading = "Query log")]
    pub redact_debug_ui_queries: bool,
}

impl QueryLogOptions {
    /// Checks what clap does not.
    pub fn validate(&self) -> Result<()> {
        if !(0.0..=1.0).contains(&self.querylog_sample_rate) {
            let rate = self.querylog_sample_rate;
            return Err(Error::invalid(format!("--querylog-sample-rate {rate}: it is from 0 to 1")));
        }
        if self.querylog_buffer_size == 0 {
            return Err(Error::invalid("--querylog-buffer-size must be at least 1"));
        }
        Ok(())
    }

    pub(crate) fn filter(&self) -> Filter {
        Filter {
            rows: self.querylog_row_threshold,
            time: self.querylog_time_threshold,
            tag: self.querylog_filter_tag.clone(),
            only_errors: self.querylog_mode == "error",
            any: self.querylog_emit_on_any_condition_met,
            sample_rate: self.querylog_sample_rate,
        }
    }
}

impl Default for QueryLogOptions {
    /// As without any flag.
    fn default() -> Self {
        Self {
            log_queries_to_file: None,
            querylog_format: Format::Text,
            querylog_mode: "all".to_owned(),
            querylog_time_threshold: Duration::ZERO,
            querylog_row_threshold: 0,
            querylog_filter_tag: String::new(),
            querylog_emit_on_any_condition_met: false,
            querylog_sample_rate: 0.0,
            querylog_buffer_size: 1000,
            redact_debug_ui_queries: false,
        }
    }
}
