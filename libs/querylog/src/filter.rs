//! Which queries are logged. Pure: the dice are handed in.

use std::time::Duration;

/// What the options ask for.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// Only those that returned or changed at least as many rows; 0 is all.
    pub rows: u64,
    /// Only those that took at least as long; zero is all.
    pub time: Duration,
    /// Only those whose text has this in it; empty is all.
    pub tag: String,
    pub only_errors: bool,
    /// One of the conditions is enough, not all of them.
    pub any: bool,
    /// 0 to 1: what part of the queries that the conditions leave out is logged all the same; where there are
    /// no conditions, what part of all of them (0: everything).
    pub sample_rate: f64,
}

/// What is known of a query when it is done.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    pub sql: &'a [u8],
    /// Returned or changed, whichever is more.
    pub rows: u64,
    pub took: Duration,
    pub failed: bool,
}

impl Filter {
    /// `dice` is asked at most once, for a number from 0 up to 1.
    pub fn wants(&self, facts: &Facts<'_>, dice: impl FnOnce() -> f64) -> bool {
        let tag = self.tag.as_bytes();
        let conditions = [
            (self.rows > 0, facts.rows >= self.rows),
            (!self.time.is_zero(), facts.took >= self.time),
            (!tag.is_empty(), !tag.is_empty() && facts.sql.windows(tag.len()).any(|w| w == tag)),
            (self.only_errors, facts.failed),
        ];
        let mut asked = conditions.into_iter().filter(|(on, _)| *on).map(|(_, met)| met).peekable();
        let sampled = || self.sample_rate > 0.0 && (self.sample_rate >= 1.0 || dice() < self.sample_rate);
        match asked.peek() {
            None => self.sample_rate <= 0.0 || sampled(),
            Some(_) if self.any => asked.any(|met| met) || sampled(),
            Some(_) => asked.all(|met| met) || sampled(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter() -> Filter {
        Filter {
            rows: 0,
            time: Duration::ZERO,
            tag: String::new(),
            only_errors: false,
            any: false,
            sample_rate: 0.0,
        }
    }

    fn facts(rows: u64, ms: u64, failed: bool) -> Facts<'static> {
        Facts { sql: b"select 1 /* mine */", rows, took: Duration::from_millis(ms), failed }
    }

    fn never() -> f64 {
        panic!("no dice are needed")
    }

    #[test]
    fn without_conditions_everything_or_a_sample() {
        assert!(filter().wants(&facts(0, 0, false), never));
        let half = Filter { sample_rate: 0.5, ..filter() };
        assert!(half.wants(&facts(0, 0, false), || 0.4));
        assert!(!half.wants(&facts(0, 0, false), || 0.5));
        assert!(Filter { sample_rate: 1.0, ..filter() }.wants(&facts(0, 0, false), never));
    }

    #[test]
    fn each_condition_counts_and_all_have_to_be_met() {
        let rows = Filter { rows: 10, ..filter() };
        assert!(rows.wants(&facts(10, 0, false), never) && !rows.wants(&facts(9, 0, false), never));
        let slow = Filter { time: Duration::from_millis(5), ..filter() };
        assert!(slow.wants(&facts(0, 5, false), never) && !slow.wants(&facts(0, 4, false), never));
        let failed = Filter { only_errors: true, ..filter() };
        assert!(failed.wants(&facts(0, 0, true), never) && !failed.wants(&facts(0, 0, false), never));
        let tagged = Filter { tag: "mine".into(), ..filter() };
        assert!(tagged.wants(&facts(0, 0, false), never));
        assert!(!Filter { tag: "yours".into(), ..filter() }.wants(&facts(0, 0, false), never));
        let both = Filter { rows: 10, time: Duration::from_millis(5), ..filter() };
        assert!(both.wants(&facts(10, 5, false), never) && !both.wants(&facts(10, 4, false), never));
        let any = Filter { any: true, ..both };
        assert!(any.wants(&facts(10, 4, false), never) && !any.wants(&facts(9, 4, false), never));
    }

    #[test]
    fn a_sample_comes_on_top_of_the_conditions() {
        let slow = Filter { time: Duration::from_millis(5), sample_rate: 0.1, ..filter() };
        assert!(slow.wants(&facts(0, 5, false), never));
        assert!(slow.wants(&facts(0, 4, false), || 0.05));
        assert!(!slow.wants(&facts(0, 4, false), || 0.5));
    }
}
