//! One statement on both sides, judged and counted.

use std::collections::BTreeSet;

use mysql_async::Conn;

use crate::{
    Result,
    answer::{Answer, Rows},
    compare::{Class, Difference, Wanted, compare},
    coverage::Coverage,
    expected::Expected,
    order::Shape,
    pair::{Both, Pair},
    script::Table,
    stand::{KEYSPACES, Stand},
    tables,
    tally::{Tally, without_tables},
};

/// What came out of a statement.
#[derive(Debug, Clone)]
pub struct Checked {
    pub both: Both,
    /// vtgate refused a write by name.
    pub refused: bool,
    pub difference: Option<Difference>,
    /// After a write, what the plain mysqld has in the tables that it names.
    pub rows: Vec<(String, Rows)>,
}

/// Runs a statement on both sides and compares; after a write also the tables that it names.
pub async fn check(pair: &mut Pair, sql: &str, wanted: Wanted) -> Checked {
    let shape = Shape::of(sql);
    let both = pair.ask(sql, shape.is_write).await;
    let Some(mysql) = &both.mysql else {
        return Checked { both, refused: true, difference: None, rows: Vec::new() };
    };
    let mut difference = compare(&shape, wanted, &both.vivace, mysql, &mut pair.mysql).await;
    let mut rows = Vec::new();
    if shape.is_write && difference.is_none() && !matches!(both.vivace, Answer::Lost(_)) {
        let state = tables::compare_all(pair, &tables::named(sql)).await;
        (difference, rows) = (state.difference, state.rows);
    }
    Checked { both, refused: false, difference, rows }
}

/// Where counts and known differences are kept over a run.
pub struct Run<'a> {
    pub stand: &'a Stand,
    pub tally: Tally,
    pub expected: Expected,
    /// Tables that stay; every VSchema names them.
    pub base: Vec<Table>,
    /// Gets every statement before it runs.
    pub trace: Option<fn(&str)>,
    /// End at the first difference.
    pub first: bool,
    pub coverage: Coverage,
    /// A session of vtgate's that is asked for plans: in the tested one a question would be a statement.
    planner: Conn,
    /// Kinds of differences that were reported.
    reported: BTreeSet<String>,
}

impl<'a> Run<'a> {
    pub async fn new(stand: &'a Stand, expected: Expected, base: Vec<Table>) -> Result<Self> {
        Ok(Self {
            stand,
            tally: Tally::default(),
            expected,
            base,
            trace: None,
            first: false,
            coverage: Coverage::default(),
            planner: stand.vtgate(KEYSPACES[0].0).await?,
            reported: BTreeSet::new(),
        })
    }

    /// Checks and counts; gives back a difference that nobody expects. A broken connection is made anew.
    pub async fn check(
        &mut self,
        pair: &mut Pair,
        keyspace: &str,
        sql: &str,
        wanted: Wanted,
    ) -> Result<(Checked, Option<Difference>)> {
        if let Some(trace) = self.trace {
            trace(sql);
        }
        if !self.first {
            self.coverage.look(&mut self.planner, sql).await;
        }
        let checked = check(pair, sql, wanted).await;
        self.count(sql, &checked);
        if [Some(&checked.both.vivace), checked.both.mysql.as_ref()]
            .iter()
            .any(|a| matches!(a, Some(Answer::Lost(_))))
        {
            *pair = self.stand.connect(keyspace).await?;
        }
        let unexpected = checked.difference.clone().filter(|d| !self.expected.knows(sql, d));
        match (&unexpected, &checked.difference) {
            (Some(found), _) => *self.tally.differences.entry(found.class).or_default() += 1,
            (None, Some(_)) => self.tally.expected += 1,
            (None, None) => {}
        }
        Ok((checked, unexpected))
    }

    fn count(&mut self, sql: &str, checked: &Checked) {
        let shape = Shape::of(sql);
        if shape.is_write {
            self.tally.writes += 1;
            if let Answer::Fault { message, .. } = &checked.both.vivace
                && checked.refused
            {
                *self.tally.refused.entry(without_tables(message)).or_default() += 1;
            }
            return;
        }
        match &checked.both.mysql {
            Some(Answer::Rows(rows)) => {
                self.tally.reads += 1;
                self.tally.with_rows += u64::from(!rows.rows.is_empty());
            }
            Some(Answer::Fault { .. }) => {
                self.tally.reads += 1;
                self.tally.faults += u64::from(checked.difference.is_none());
            }
            _ => self.tally.others += 1,
        }
    }

    /// Whether a difference is the first of its kind; those of one cause look alike without numbers and values.
    pub fn is_new(&mut self, difference: &Difference) -> bool {
        let words = difference.text.split(|c: char| !c.is_alphabetic()).filter(|w| w.len() > 3);
        let words: Vec<&str> = words.take(12).collect();
        self.reported.insert(format!("{:?} {}", difference.class, words.join(" ")))
    }
}

/// A difference for a reader.
pub fn report(place: &str, sql: &str, checked: &Checked, difference: &Difference) -> String {
    let mysql = checked.both.mysql.as_ref().map_or("not asked".to_owned(), ToString::to_string);
    let answers = match difference.class {
        Class::Types | Class::Columns | Class::State => String::new(),
        _ => format!("\n  vivace: {}\n  mysql:  {mysql}", checked.both.vivace),
    };
    format!("{place}: {difference}\n  {sql}{answers}\n")
}
