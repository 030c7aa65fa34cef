//! The whole suite, 2,000 generated statements and 400 that are the suite's changed, on a cluster of its own.

use difftest::{expected::Expected, generate, mutate, run::Run, stand, suite};

const SEEDS: u64 = 8;
const STATEMENTS: usize = 250;
const MUTANTS: usize = 50;
/// Below this the generated reads do not say much.
const PERCENT_WITH_ROWS: u64 = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cluster_answers_as_mysql_does() {
    let stand = stand::Stand::up(&stand::StandOptions::default()).await.unwrap();
    let cases = suite::Suite::read(&suite::folder(), "").unwrap();
    let expected = Expected::parse(include_str!("../suite/expected.txt")).unwrap();
    let mut run = Run::new(&stand, expected, cases.schema.tables.clone()).await.unwrap();
    cases.load(&stand).await.unwrap();
    let mut reports = cases.run(&mut run).await.unwrap();
    println!("the suite: {}", run.tally);
    for seed in 1..=SEEDS {
        reports.extend(generate::run_seed(&mut run, seed, STATEMENTS, true).await.unwrap());
        reports.extend(mutate::run_seed(&mut run, &cases, seed, MUTANTS, true).await.unwrap());
    }
    println!("everything: {}", run.tally);
    let (different, percent) = (run.tally.different(), run.tally.percent_with_rows());
    stand.down(false).await.unwrap();
    assert!(reports.is_empty(), "{different} differences\n{}", reports.join("\n"));
    assert!(percent >= PERCENT_WITH_ROWS, "{percent}% of the reads give rows");
}
