//! Two clients that are asked the same: one of vtgate, one of the plain mysqld.

use std::time::Duration;

use mysql_async::Conn;

use crate::{
    Result,
    answer::{Answer, ask},
};

/// How long a statement may take; the tables are small.
pub const LIMIT: Duration = Duration::from_secs(30);
/// `Condition::Unsupported`: what vtgate does not do is refused with this.
pub const REFUSED: u16 = 1235;

/// See the module.
#[derive(Debug)]
pub struct Pair {
    pub vivace: Conn,
    pub mysql: Conn,
}

/// What the two said.
#[derive(Debug, Clone)]
pub struct Both {
    pub vivace: Answer,
    /// None: vtgate refused a write, so it was not sent here.
    pub mysql: Option<Answer>,
}

impl Pair {
    /// Asks vtgate, then the plain mysqld; a write that vtgate refuses by name goes no further, because the
    /// tables would differ from then on.
    pub async fn ask(&mut self, sql: &str, is_write: bool) -> Both {
        let vivace = ask(&mut self.vivace, sql, LIMIT).await;
        if is_write && vivace.errno() == Some(REFUSED) {
            return Both { vivace, mysql: None };
        }
        let mysql = ask(&mut self.mysql, sql, LIMIT).await;
        Both { vivace, mysql: Some(mysql) }
    }

    /// Runs a statement that has to work on both sides.
    pub async fn must(&mut self, sql: &str) -> Result<()> {
        for (side, conn) in [("vtgate", &mut self.vivace), ("the plain mysqld", &mut self.mysql)] {
            let answer = ask(conn, sql, LIMIT).await;
            if matches!(answer, Answer::Fault { .. } | Answer::Lost(_)) {
                return Err(format!("{side}: {answer}\n  in {sql}"));
            }
        }
        Ok(())
    }
}
