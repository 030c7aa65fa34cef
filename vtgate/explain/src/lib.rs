//! How vtgate would answer statements, from files and without a cluster: the plan of each, and what each shard
//! would be sent.
//!
//! What must always hold: plans come from the planner that vtgate runs, and shards from the code that
//! vtgate resolves them with; nothing is decided here. What only the rows of shards can tell (a lookup's entries, the
//! keys of rows that are read first) is said to be so, and not guessed.
//!
//! The way: [`Options`] name files; [`layout`] makes the VSchema, its tables' columns ([`schema`]) and the
//! shards of it; each statement is planned ([`statement`]), its plan is walked for queries ([`queries`]), their
//! bind variables are replaced by values ([`text`]); [`output`] prints.

mod executor;
mod layout;
mod options;
mod output;
mod queries;
mod schema;
mod statement;
mod text;

pub use options::{Options, OutputMode};

use crate::{layout::Layout, statement::Session};

/// Everything that the program prints.
///
/// # Errors
/// All that is wrong with the input: files that cannot be read, a VSchema, schema or map of shards that is not
/// right. A statement that is refused is part of the output.
pub fn run(options: &Options) -> Result<String, Vec<String>> {
    let layout = Layout::new(options);
    let sql = options::source("sql", options.sql.as_deref(), options.sql_file.as_deref());
    let (layout, sql) = match (layout, sql) {
        (Ok(layout), Ok(sql)) => (layout, sql.unwrap_or_default()),
        (layout, sql) => {
            let faults = layout.err().into_iter().flatten();
            return Err(faults.chain(sql.err()).collect());
        }
    };
    let mut session = Session::new(&layout, options).map_err(|fault| vec![fault])?;
    let statements = sqlast::split(&sql, &sqlast::ParseOptions::default());
    let explained: Vec<_> = statements.into_iter().map(|sql| session.explain(sql)).collect();
    Ok(match options.output_mode {
        OutputMode::Text => output::text(&explained),
        OutputMode::Json => output::json(&explained),
    })
}
