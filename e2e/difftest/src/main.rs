//! `difftest`: runs the suite and generated cases, prints what differs and the counts; fails when something
//! differs that is not in the list of known differences.

use std::process::ExitCode;

use difftest::{Result, expected::Expected, generate, options::Options, run::Run, stand, suite};
use vterrors::Error;

fn main() -> ExitCode {
    servenv::run_tool(
        "difftest",
        |options: Options| async move { run(&options).await.map_err(Error::internal) },
    )
}

#[allow(clippy::print_stdout)]
fn say(text: &str) {
    println!("{text}");
}

async fn run(options: &Options) -> Result<()> {
    let stand = stand::Stand::up(&stand::StandOptions {
        data_dir: options.data_dir.clone(),
        base_port: options.base_port,
        flavor: options.mysql_flavor.clone(),
    })
    .await?;
    let result = compare(options, &stand).await;
    stand.down().await?;
    result
}

async fn compare(options: &Options, stand: &stand::Stand) -> Result<()> {
    let expected =
        std::fs::read_to_string(suite::folder().join("expected.txt")).map_err(|e| e.to_string())?;
    let no_suite = options.suite == "-";
    let cases = suite::Suite::read(&suite::folder(), &options.suite)?;
    let base = if no_suite { Vec::new() } else { cases.schema.tables.clone() };
    let mut run = Run::new(stand, Expected::parse(&expected)?, base);
    run.trace = options.trace.then_some(|sql: &str| say(&format!("> {sql};")));
    let mut reports = Vec::new();
    if !no_suite {
        cases.load(stand).await?;
        let begun = std::time::Instant::now();
        reports.extend(cases.run(&mut run).await?);
        say(&format!("the suite, in {:.0} s: {}", begun.elapsed().as_secs_f64(), run.tally));
        reports.iter().take(options.show).for_each(|r| say(r));
    }
    let begun = std::time::Instant::now();
    let mut shown = reports.len();
    for seed in options.seeds.all() {
        let found = generate::run_seed(&mut run, seed, options.statements, !options.no_shrink).await?;
        for report in &found {
            shown += 1;
            if shown <= options.show {
                say(report);
            }
        }
        reports.extend(found);
    }
    say(&format!("everything, the generated cases in {:.0} s: {}", begun.elapsed().as_secs_f64(), run.tally));
    match reports.len() {
        0 => Ok(()),
        n => Err(format!("{n} differences")),
    }
}
