//! Statements made of the suite's own: cut at a word that two of them share and joined crosswise, parts in
//! parentheses exchanged, words put in, taken out and replaced. Most of what comes out is no statement; what MySQL
//! answers is one that nobody thought of.
//!
//! [`settled`] keeps those whose answer MySQL gives whatever the order of the rows is; [`run_seed`] asks both sides.
//! Writes run in transactions that are rolled back, so that the tables stay as they are.

pub mod settled;
pub mod tokens;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use crate::{
    Result,
    answer::Answer,
    compare::{Class, Difference, Wanted},
    dice::Dice,
    pair::Pair,
    run::{Checked, Run, check, report},
    shrink::reduced,
    suite::Suite,
};
use settled::Orders;
use tokens::{Token, parentheses, text, tokens};

/// The longest statement that is tried, in bytes.
const LONGEST: usize = 900;
/// Statements of this many that are tried are writes.
const WRITES_OF_100: usize = 25;
/// How long a statement may be made smaller.
const SHRINKING: Duration = Duration::from_secs(25);

/// "Truncated incorrect DOUBLE value": a write that compares a number with a text that is none fails with it where
/// MySQL compares row by row, and not where it looks the rows up in an index. Shards have other plans.
const CONVERSION: u16 = 1292;

const UNKNOWN_COLUMN: u16 = 1054;
/// Faults of a statement, which MySQL tells before it looks at any row, and of rows. Of two of one kind it tells the one
/// that it meets first.
const FAULTS: [&[u16]; 2] = [&[1054, 1136, 1222, 1364], &[1048, 1062, 1242, 1264, 1364, 1366, 1406]];

/// Words that make a write of what begins with WITH.
const WRITING: &[&str] = &["delete", "insert", "replace", "update"];

/// What differs from moment to moment, from server to server, or with what was asked before; and what waits.
const OPEN: &[&str] = &[
    "benchmark",
    "connection_id",
    "curdate",
    "current_date",
    "current_role",
    "current_time",
    "current_timestamp",
    "current_user",
    "curtime",
    "found_rows",
    "get_lock",
    "icu_version",
    "information_schema",
    "last_insert_id",
    "localtime",
    "localtimestamp",
    "mysql",
    "now",
    "performance_schema",
    "rand",
    "random_bytes",
    "release_lock",
    "row_count",
    "session_user",
    "sleep",
    "sys",
    "sysdate",
    "system_user",
    "unix_timestamp",
    "user",
    "utc_date",
    "utc_time",
    "utc_timestamp",
    "uuid",
    "uuid_short",
    "version",
];

/// Words that are put in. Some change the meaning, some the place of what follows.
const WORDS: &str = "and|or|not|distinct|left|inner|all|is null|is not null|desc|asc|exists|in|<|>|=|<=>|<>|+|-|*|/|\
    limit 3|limit 2|order by 1|order by k|group by 1|with rollup|having count(*) > 1|union all|union|except|intersect|\
    case when 1 then 2 end|null|1|0|-1|'x'|sum|count|min|max|avg|any|some|over ()|natural|cross|lateral|div|%|like|\
    between 1 and 5|coalesce|max(id)|count(*)|*|id|name|country|customer_id|total|c|o|between|recursive|id + 1|k|v|n|\
    where k|from item|select|values|using|set|= default|ignore|on duplicate key update|amount";

/// Makes statements of others.
#[derive(Debug, Clone)]
pub struct Mutator {
    /// Those that are changed come first.
    sources: Vec<Vec<Token>>,
    /// How many of them are changed; the others only give parts.
    changed: usize,
    /// Where each word stands: statement and place.
    places: BTreeMap<String, Vec<(usize, usize)>>,
}

impl Mutator {
    /// `changed` are the statements that are changed, `others` only give parts to them.
    pub fn new(changed: &[&str], others: &[&str]) -> Self {
        let sources: Vec<Vec<Token>> = changed.iter().chain(others).map(|sql| tokens(sql)).collect();
        let mut places: BTreeMap<String, Vec<(usize, usize)>> = BTreeMap::new();
        for (statement, tokens) in sources.iter().enumerate() {
            for (at, token) in tokens.iter().enumerate() {
                places.entry(token.key()).or_default().push((statement, at));
            }
        }
        Self { sources, changed: changed.len(), places }
    }

    /// The next one; it may be no statement at all.
    pub fn statement(&self, dice: &mut Dice) -> String {
        let mut tokens = self.sources[dice.below(self.changed)].clone();
        for _ in 0..*dice.pick(&[1, 1, 2, 2, 3]) {
            if tokens.is_empty() {
                break;
            }
            self.change(&mut tokens, dice);
        }
        text(&tokens)
    }

    fn change(&self, tokens: &mut Vec<Token>, dice: &mut Dice) {
        let at = dice.below(tokens.len());
        match dice.weighted(&[35, 15, 10, 8, 12, 10, 6, 4]) {
            0 => {
                let Some(places) = self.places.get(&tokens[at].key()) else { return };
                let (statement, place) = *dice.pick(places);
                tokens.truncate(at);
                tokens.extend_from_slice(&self.sources[statement][place..]);
            }
            1 => {
                let own = parentheses(tokens);
                if own.is_empty() {
                    return;
                }
                let (begin, end) = *dice.pick(&own);
                tokens.splice(begin..end, self.parenthesis(dice));
            }
            2 => {
                tokens.splice(at..=at, self.parenthesis(dice));
            }
            3 => {
                tokens.remove(at);
            }
            4 => tokens.insert(at, word(dice)),
            5 => tokens[at] = word(dice),
            6 => tokens[at] = self.token(dice),
            _ => tokens.insert(at, self.token(dice)),
        }
    }

    /// Something in parentheses of any statement; nothing when the chosen one has none.
    fn parenthesis(&self, dice: &mut Dice) -> Vec<Token> {
        let other = dice.pick(&self.sources);
        let pairs = parentheses(other);
        match pairs.is_empty() {
            true => Vec::new(),
            false => {
                let (begin, end) = *dice.pick(&pairs);
                other[begin..end].to_vec()
            }
        }
    }

    fn token(&self, dice: &mut Dice) -> Token {
        let other = dice.pick(&self.sources);
        dice.pick(other).clone()
    }
}

fn word(dice: &mut Dice) -> Token {
    let words: Vec<&str> = WORDS.split('|').collect();
    Token::new(words[dice.below(words.len())])
}

/// MySQL takes these names for functions of its own only where `(` follows at once. With a space, vtgate takes them for
/// the same, MySQL for functions that somebody made.
fn has_spaced_function(sql: &str) -> bool {
    let sql = sql.to_lowercase();
    sql.match_indices(" (").any(|(at, _)| {
        let word = sql[..at].rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_').next();
        word.is_some_and(|word| sqlast::printer::FUNCTION_WORDS.contains(&word))
    })
}

/// Whether its answer can be compared at all, by its words.
fn is_comparable(sql: &str, is_write: bool, counted: &BTreeSet<String>) -> bool {
    let words = tokens(sql);
    let first = words.iter().find(|t| t.text != "(").map(Token::key).unwrap_or_default();
    let begins = match is_write {
        true => ["insert", "replace", "update", "delete", "with"].contains(&first.as_str()),
        false => ["select", "with", "values", "table"].contains(&first.as_str()),
    };
    let open = |token: &Token| {
        let key = token.key();
        OPEN.contains(&key.as_str())
            || key.starts_with('@')
            // Another keyspace, and what writes to a file or to variables.
            || ["two", "four", "into"].contains(&key.as_str()) && !(is_write && key == "into")
            || is_write && counted.contains(&key)
    };
    begins
        // A WITH stands before reads and writes, and a read that writes would not be undone.
        && (is_write || first != "with" || !words.iter().any(|t| WRITING.contains(&t.key().as_str())))
        && !has_spaced_function(sql)
        && sql.len() <= LONGEST
        && !sql.contains([';', '#'])
        && !sql.contains("--")
        && !words.iter().any(open)
}

/// Runs a seed's statements, as many as `statements`; gives back reports of what differs.
pub async fn run_seed(
    run: &mut Run<'_>,
    suite: &Suite,
    seed: u64,
    statements: usize,
    small: bool,
) -> Result<Vec<String>> {
    let mut dice = Dice::new(seed);
    // Both have the same rows.
    let keyspace = if seed.is_multiple_of(2) { "four" } else { "two" };
    let counted: BTreeSet<String> =
        run.base.iter().filter(|t| t.sequence(keyspace).is_some()).map(|t| t.name.clone()).collect();
    let all: Vec<&str> = suite.files.iter().flat_map(|f| &f.cases).map(|c| c.sql.as_str()).collect();
    let of_kind = |is_write: bool| -> Vec<&str> {
        all.iter().copied().filter(|sql| is_comparable(sql, is_write, &counted)).collect()
    };
    let (reads, writes) = (of_kind(false), of_kind(true));
    let mutators = [Mutator::new(&reads, &[]), Mutator::new(&writes, &reads)];
    let mut session = Session {
        pair: run.stand.connect(keyspace).await?,
        orders: Orders::make(run.stand, &run.base).await?,
        keyspace,
        small,
        reports: Vec::new(),
    };
    let mut seen = BTreeSet::new();
    let mut number = 0;
    while number < statements {
        let is_write = dice.chance(WRITES_OF_100);
        let sql = mutators[usize::from(is_write)].statement(&mut dice);
        if !is_comparable(&sql, is_write, &counted) || !seen.insert(sql.clone()) {
            continue;
        }
        if session.orders.agree(&sql, is_write).await? {
            number += 1;
            session.step(run, &format!("seed {seed}, mutant {number} in {keyspace}"), &sql, is_write).await?;
        }
        if run.first && !session.reports.is_empty() {
            break;
        }
    }
    Ok(session.reports)
}

/// A seed's run.
struct Session<'a> {
    pair: Pair,
    orders: Orders<'a>,
    keyspace: &'static str,
    small: bool,
    reports: Vec<String>,
}

/// Whether a write failed as other plans of MySQL's own do not: at a conversion, or at another of its faults first.
fn by_plan(checked: &Checked) -> bool {
    let errnos = [Some(&checked.both.vivace), checked.both.mysql.as_ref()].map(|answer| answer?.errno());
    let all_of = |kind: &[u16]| errnos.iter().all(|errno| errno.is_some_and(|errno| kind.contains(&errno)));
    errnos.contains(&Some(CONVERSION)) || FAULTS.into_iter().any(all_of)
}

/// MySQL orders by names that columns have inside of a derived table, too, where it merges that.
fn is_merged_name(sql: &str, checked: &Checked) -> bool {
    let Answer::Fault { errno: UNKNOWN_COLUMN, message, .. } = &checked.both.vivace else { return false };
    let sql = sql.to_lowercase();
    let Some((query, order)) = sql.rsplit_once("order by") else { return false };
    let name = message.split('\'').nth(1).unwrap_or_default().to_lowercase();
    order.trim_start().starts_with(&name) && (query.contains("with ") || query.contains("(select"))
}

impl Session<'_> {
    async fn step(&mut self, run: &mut Run<'_>, place: &str, sql: &str, is_write: bool) -> Result<()> {
        if is_write {
            self.pair.must("BEGIN").await?;
        }
        let (checked, unexpected) = run.check(&mut self.pair, self.keyspace, sql, Wanted::default()).await?;
        if is_write {
            self.pair.must("ROLLBACK").await?;
        }
        let Some(difference) = unexpected else { return Ok(()) };
        if is_write && by_plan(&checked) || is_merged_name(sql, &checked) {
            return Ok(());
        }
        if run.is_new(&difference) {
            let (sql, checked, difference) = self.made_small(run, sql, checked, difference, is_write).await?;
            self.reports.push(report(place, &sql, &checked, &difference));
        }
        Ok(())
    }

    /// The smallest statement that is found to differ in the same class.
    async fn made_small(
        &mut self,
        run: &Run<'_>,
        sql: &str,
        checked: Checked,
        difference: Difference,
        is_write: bool,
    ) -> Result<(String, Checked, Difference)> {
        if !self.small || difference.class == Class::Lost {
            return Ok((sql.to_owned(), checked, difference));
        }
        let class = difference.class;
        let (mut kept, mut kept_checked) = (difference, checked);
        let sql = reduced(sql, Instant::now() + SHRINKING, async |sql| {
            if !self.orders.agree(sql, is_write).await? {
                return Ok(false);
            }
            if is_write {
                self.pair.must("BEGIN").await?;
            }
            let checked = check(&mut self.pair, sql, Wanted::default()).await;
            match &checked.difference {
                Some(found) if found.class == Class::Lost => {
                    self.pair = run.stand.connect(self.keyspace).await?
                }
                _ if is_write => self.pair.must("ROLLBACK").await?,
                _ => {}
            }
            let found = checked.difference.clone().filter(|d| d.class == class);
            let fails = found.is_some();
            if let Some(found) = found {
                (kept, kept_checked) = (found, checked);
            }
            Ok(fails)
        })
        .await?;
        Ok((sql, kept_checked, kept))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READS: [&str; 2] =
        ["SELECT a, (b + 1) FROM t WHERE a > 1", "SELECT COUNT(*) FROM u WHERE a IN (1, 2)"];

    #[test]
    fn a_seed_gives_the_same_statements_for_ever() {
        let mutator = Mutator::new(&READS, &[]);
        let (mut one, mut other) = (Dice::new(3), Dice::new(3));
        let made: Vec<String> = (0..200).map(|_| mutator.statement(&mut one)).collect();
        assert!(made.iter().all(|sql| *sql == mutator.statement(&mut other)));
        let changed: BTreeSet<&String> = made.iter().filter(|sql| !READS.contains(&sql.as_str())).collect();
        assert!(changed.len() > 100, "{} of 200", changed.len());
    }

    #[test]
    fn parts_of_one_statement_come_into_another() {
        let mutator = Mutator::new(&READS[..1], &READS[1..]);
        let mut dice = Dice::new(1);
        let made: Vec<String> = (0..300).map(|_| mutator.statement(&mut dice)).collect();
        assert!(made.contains(&"SELECT a, (b + 1) FROM u WHERE a IN (1, 2)".to_owned()), "joined at FROM");
        assert!(made.contains(&"SELECT a, (1, 2) FROM t WHERE a > 1".to_owned()), "another's parenthesis");
    }

    #[test]
    fn what_cannot_be_compared_is_passed_over() {
        let counted = BTreeSet::from(["note".to_owned()]);
        let read = |sql| is_comparable(sql, false, &counted);
        assert!(read("(SELECT id FROM note)") && read("WITH a AS (SELECT 1) TABLE a"));
        assert!(
            !read("SELECT NOW()") && !read("SELECT @a") && !read("SELECT 1 INTO x") && !read("DROP TABLE t")
        );
        let write = |sql| is_comparable(sql, true, &counted);
        assert!(write("INSERT INTO t VALUES (1)"));
        assert!(!write("INSERT INTO note VALUES (NULL)") && !write("SELECT 1"));
    }
}
