//! What `vtgate --help` prints: the contract with scripts. `UPDATE_GOLDEN=1` accepts a change.

use std::path::Path;

use clap::CommandFactory;

#[test]
fn help_is_as_accepted() {
    let help = vtgate::Options::command().term_width(100).render_help().to_string();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/help.txt");
    testkit::check_golden(&path, &help);
}
