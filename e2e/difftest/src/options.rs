//! The command line of `difftest`.

use std::path::PathBuf;

use clap::Parser;

/// Compares the answers of a sharded cluster with those of a plain mysqld
#[derive(Debug, Clone, Parser)]
#[command(name = "difftest")]
pub struct Options {
    /// Keep the cluster in this directory and use it again (default: a new one that is removed)
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Stop and remove the cluster of --data-dir, and do nothing else
    #[arg(long, requires = "data_dir")]
    pub down: bool,
    /// First of a hundred ports (default: any that are free)
    #[arg(long, value_name = "PORT")]
    pub base_port: Option<u16>,
    /// Family of the database servers: mysql or mariadb (default: the one that is found)
    #[arg(long, value_name = "FLAVOR")]
    pub mysql_flavor: Option<String>,
    /// Run the suite's files whose names have this in them; `-` for none
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub suite: String,
    /// Seeds of generated cases, as in 7 or 1..50; none for 0
    #[arg(long, env = "SEEDS", value_name = "SEEDS", default_value = "1..4", value_parser = parse_seeds)]
    pub seeds: Seeds,
    /// Generated statements of a seed
    #[arg(long, value_name = "N", default_value_t = 250)]
    pub statements: usize,
    /// Statements of a seed that are made by changing those of the suite
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub mutants: usize,
    /// Ask a vtgate of this program instead of the cluster's
    #[arg(long, value_name = "FILE")]
    pub vtgate: Option<PathBuf>,
    /// Generated cases first, and end at the first difference
    #[arg(long)]
    pub first: bool,
    /// Do not make failing cases small
    #[arg(long)]
    pub no_shrink: bool,
    /// Print every statement before it runs
    #[arg(long)]
    pub trace: bool,
    /// Differences that are shown
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub show: usize,
}

/// From the first to the last seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seeds {
    pub first: u64,
    pub last: u64,
}

impl Seeds {
    pub fn all(self) -> impl Iterator<Item = u64> {
        (self.first..=self.last).filter(|s| *s > 0)
    }
}

fn parse_seeds(text: &str) -> Result<Seeds, String> {
    let number =
        |text: &str| text.parse::<u64>().map_err(|_| format!("{text:?} is no seed: expected 7 or 1..50"));
    match text.split_once("..") {
        Some((first, last)) => {
            Ok(Seeds { first: number(first)?, last: number(last.trim_start_matches('='))? })
        }
        None => number(text).map(|seed| Seeds { first: seed, last: seed }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_one_or_a_range() {
        let seeds = |text: &str| parse_seeds(text).unwrap().all().collect::<Vec<_>>();
        assert_eq!(seeds("3..5"), [3, 4, 5]);
        assert_eq!(seeds("7"), [7]);
        assert!(seeds("0").is_empty());
        assert!(parse_seeds("all").is_err());
    }
}
