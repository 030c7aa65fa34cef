//! The first stage: a parsed statement whose literals are bind variables.

use sqlast::{
    ParseOptions,
    ast::{Comments, Statement},
    normalize,
};
use vterrors::{Condition, Error, Result};

use crate::{Directives, rewrite, shadowed, unused};

/// A statement ready to be planned, and the values taken out of it.
#[derive(Debug, Clone)]
pub struct Normalized {
    pub statement: Statement,
    /// The values of the bind variables in `statement`, and which literals stayed.
    pub values: normalize::Normalized,
    /// The client's text.
    pub sql: Vec<u8>,
}

impl Normalized {
    /// Parses and normalises; MySQL's 1064 with the place where the text cannot be read.
    pub fn parse(sql: &[u8], options: &ParseOptions) -> Result<Self> {
        let statement =
            sqlast::parse(sql, options).map_err(|e| Error::new(Condition::SyntaxError, e.to_string()))?;
        Ok(Self::new(statement, sql, options))
    }

    /// Normalises what was parsed from `sql` with `options`.
    pub fn new(mut statement: Statement, sql: &[u8], options: &ParseOptions) -> Self {
        let values = normalize::normalize(&mut statement, sql, options);
        rewrite::keep_column_names(&mut statement, sql, options);
        // After the columns have their names, in which a `?` stays as it is.
        sqlast::name_params(&mut statement);
        // After that, too: one that goes must not shift the others' places.
        shadowed::tell_apart(&mut statement);
        unused::drop_unused(&mut statement);
        Self { statement, values, sql: sql.to_vec() }
    }
}

/// The directives in a statement's comments (`/*vt+ NAME NAME=VALUE */`); unknown ones are passed over.
pub(crate) fn directives(comments: &Comments) -> Directives {
    let mut out = Directives::default();
    for comment in &comments.0 {
        let text = comment.to_string_lossy();
        let Some(words) = text.strip_prefix("/*vt+").and_then(|t| t.strip_suffix("*/")) else { continue };
        for word in words.split_whitespace() {
            let (name, value) = word.split_once('=').unwrap_or((word, "1"));
            let on = value == "1" || value.eq_ignore_ascii_case("true");
            match name.to_ascii_uppercase().as_str() {
                "SCATTER_ERRORS_AS_WARNINGS" => out.scatter_errors_as_warnings = on,
                "ALLOW_SCATTER" => out.allow_scatter = on,
                "MULTI_SHARD_AUTOCOMMIT" => out.multi_shard_autocommit = on,
                "SKIP_QUERY_PLAN_CACHE" => out.skip_query_plan_cache = on,
                "IGNORE_MAX_MEMORY_ROWS" => out.ignore_max_memory_rows = on,
                "ALLOW_HASH_JOIN" => out.allow_hash_join = on,
                "QUERY_TIMEOUT_MS" => out.query_timeout_ms = value.parse().ok(),
                "WORKLOAD_NAME" => out.workload_name = Some(value.to_owned()),
                "PRIORITY" => out.priority = value.parse().ok().filter(|p| *p <= 100),
                _ => {}
            }
        }
    }
    out
}
