//! `difftest`: runs the suite and generated cases, prints what differs and the counts; fails when something
//! differs that is not in the list of known differences.

use std::process::ExitCode;

use difftest::{Result, expected::Expected, generate, mutate, options::Options, run::Run, stand, suite};
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
        vtgate: options.vtgate.clone(),
    })
    .await?;
    let result = if options.down { Ok(()) } else { compare(options, &stand).await };
    stand.down(options.down).await?;
    result
}

async fn compare(options: &Options, stand: &stand::Stand) -> Result<()> {
    let expected =
        std::fs::read_to_string(suite::folder().join("expected.txt")).map_err(|e| e.to_string())?;
    let no_suite = options.suite == "-";
    let cases = suite::Suite::read(&suite::folder(), &options.suite)?;
    let base = if no_suite { Vec::new() } else { cases.schema.tables.clone() };
    let mut run = Run::new(stand, Expected::parse(&expected)?, base).await?;
    run.trace = options.trace.then_some(|sql: &str| say(&format!("> {sql};")));
    run.first = options.first;
    let mut reports = Vec::new();
    if options.first {
        reports.extend(generated(options, &mut run).await?);
    }
    if !no_suite && (!options.first || reports.is_empty()) {
        cases.load(stand).await?;
        let begun = std::time::Instant::now();
        let found = cases.run(&mut run).await?;
        say(&format!("the suite, in {:.0} s: {}", begun.elapsed().as_secs_f64(), run.tally));
        found.iter().take(options.show).for_each(|r| say(r));
        reports.extend(found);
    }
    if !options.first {
        reports.extend(generated(options, &mut run).await?);
        if options.mutants > 0 && !no_suite {
            let begun = std::time::Instant::now();
            for seed in options.seeds.all() {
                let found =
                    mutate::run_seed(&mut run, &cases, seed, options.mutants, !options.no_shrink).await?;
                found.iter().for_each(|r| say(r));
                reports.extend(found);
            }
            say(&format!("everything, mutants in {:.0} s: {}", begun.elapsed().as_secs_f64(), run.tally));
        }
        say(&run.coverage.to_string());
    }
    if options.first && !reports.is_empty() {
        let seed = reports[0].split(',').next().unwrap_or_default().lines().next().unwrap_or_default();
        say(&format!("found after {} statements: {seed}", run.tally.statements()));
    }
    match reports.len() {
        0 => Ok(()),
        n => Err(format!("{n} differences")),
    }
}

/// The cases of the seeds.
async fn generated(options: &Options, run: &mut Run<'_>) -> Result<Vec<String>> {
    let begun = std::time::Instant::now();
    let mut reports = Vec::new();
    for seed in options.seeds.all() {
        let small = !options.no_shrink && !options.first;
        let found = generate::run_seed(run, seed, options.statements, small).await?;
        let left = options.show.saturating_sub(reports.len());
        found.iter().take(left).for_each(|r| say(r));
        reports.extend(found);
        if options.first && !reports.is_empty() {
            break;
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    say(&format!("everything, the generated cases in {seconds:.0} s: {}", run.tally));
    Ok(reports)
}
