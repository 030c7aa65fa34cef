//! SHOW.

use super::Result;
use super::cursor::Parser;
use crate::ast::*;
use crate::lexer::Tok;
use crate::lexer::keyword::Kw;

impl Parser<'_> {
    pub fn show(&mut self) -> Result<Show> {
        self.expect(Kw::Show)?;
        let comments = self.comments();
        let start = self.position();
        let taken_apart = self.show_kind().and_then(|kind| match kind {
            Some(kind) => {
                let filter = self.show_filter()?;
                if self.at_end() { Ok(Some((kind, filter))) } else { Ok(None) }
            }
            None => Ok(None),
        });
        if let Ok(Some((kind, filter))) = taken_apart {
            return Ok(Show { comments, kind, filter });
        }
        self.rewind(start);
        if self.at_end() {
            return self.fail();
        }
        Ok(Show { comments, kind: ShowKind::Other(self.raw_rest()?), filter: None })
    }

    fn show_filter(&mut self) -> Result<Option<ShowFilter>> {
        if self.accept(Kw::Like) {
            return self.string_text().map(|pattern| Some(ShowFilter::Like(pattern)));
        }
        if self.accept(Kw::Where) {
            return self.expr().map(|condition| Some(ShowFilter::Where(condition)));
        }
        Ok(None)
    }

    fn show_kind(&mut self) -> Result<Option<ShowKind>> {
        if let Some(vitess) = self.show_vitess()? {
            return Ok(Some(ShowKind::Vitess(vitess)));
        }
        let extended = self.accept(Kw::Extended);
        let full = self.accept(Kw::Full);
        let word = String::from_utf8_lossy(self.bytes(self.peek(0))).to_ascii_lowercase();
        let kind = match word.as_str() {
            "tables" => {
                self.advance();
                ShowKind::Tables { full, extended, from: self.opt_from()? }
            }
            "columns" | "fields" => {
                self.advance();
                ShowKind::Columns { full, extended, table: self.table_from()? }
            }
            "index" | "indexes" | "keys" if !full => {
                self.advance();
                ShowKind::Indexes { extended, table: self.table_from()? }
            }
            "processlist" if !extended => {
                self.advance();
                ShowKind::Processlist { full }
            }
            "triggers" if !extended => {
                self.advance();
                ShowKind::Triggers { full, from: self.opt_from()? }
            }
            _ if extended || full => return Ok(None),
            _ => return self.plain_show(&word),
        };
        Ok(Some(kind))
    }

    /// SHOW without EXTENDED or FULL.
    fn plain_show(&mut self, word: &str) -> Result<Option<ShowKind>> {
        let kind = match word {
            "databases" | "schemas" => self.simple_show(ShowKind::Databases),
            "engines" => self.simple_show(ShowKind::Engines),
            "plugins" => self.simple_show(ShowKind::Plugins),
            "privileges" => self.simple_show(ShowKind::Privileges),
            "charset" => self.simple_show(ShowKind::Charset),
            "collation" => self.simple_show(ShowKind::Collation),
            "character" => {
                self.advance();
                self.expect(Kw::Set)?;
                ShowKind::Charset
            }
            "table" => {
                self.advance();
                self.expect_word("status")?;
                ShowKind::TableStatus { from: self.opt_from()? }
            }
            "open" => {
                self.advance();
                self.expect_word("tables")?;
                ShowKind::OpenTables { from: self.opt_from()? }
            }
            "events" => {
                self.advance();
                ShowKind::Events { from: self.opt_from()? }
            }
            "procedure" | "function" => {
                self.advance();
                self.expect_word("status")?;
                ShowKind::RoutineStatus { function: word == "function" }
            }
            "create" => {
                self.advance();
                self.show_create()?
            }
            "warnings" | "errors" => {
                self.advance();
                let limit = self.opt_limit()?;
                if word == "warnings" {
                    ShowKind::Warnings { count: false, limit }
                } else {
                    ShowKind::Errors { count: false, limit }
                }
            }
            "count" => return self.show_count().map(Some),
            _ => return self.show_variables(),
        };
        Ok(Some(kind))
    }

    fn simple_show(&mut self, kind: ShowKind) -> ShowKind {
        self.advance();
        kind
    }

    /// `COUNT(*) WARNINGS` and `COUNT(*) ERRORS`.
    fn show_count(&mut self) -> Result<ShowKind> {
        self.advance();
        self.expect_tok(Tok::LeftParen)?;
        self.expect_tok(Tok::Star)?;
        self.expect_tok(Tok::RightParen)?;
        if self.accept_word("warnings") {
            return Ok(ShowKind::Warnings { count: true, limit: None });
        }
        self.expect_word("errors")?;
        Ok(ShowKind::Errors { count: true, limit: None })
    }

    fn show_variables(&mut self) -> Result<Option<ShowKind>> {
        let scope = self.opt_var_scope();
        if self.accept_word("variables") {
            return Ok(Some(ShowKind::Variables { scope }));
        }
        if self.accept_word("status") {
            return Ok(Some(ShowKind::Status { scope }));
        }
        Ok(None)
    }

    fn show_create(&mut self) -> Result<ShowKind> {
        let word = self.any_ident()?.to_lower();
        Ok(match word.as_str() {
            "table" => ShowKind::CreateTable(self.table_name()?),
            "view" => ShowKind::CreateView(self.table_name()?),
            "database" | "schema" => {
                let if_not_exists = self.if_not_exists()?;
                ShowKind::CreateDatabase { if_not_exists, name: self.ident()? }
            }
            "procedure" | "function" | "trigger" | "event" | "library" => {
                ShowKind::CreateOther(word.into(), self.table_name()?)
            }
            _ => return self.fail(),
        })
    }

    /// `FROM name` or `IN name`.
    fn opt_from(&mut self) -> Result<Option<Ident>> {
        if self.accept(Kw::From) || self.accept(Kw::In) { self.ident().map(Some) } else { Ok(None) }
    }

    /// `FROM table [FROM database]`.
    fn table_from(&mut self) -> Result<TableName> {
        if !self.accept(Kw::From) {
            self.expect(Kw::In)?;
        }
        let mut table = self.table_name()?;
        if let Some(database) = self.opt_from()? {
            table.qualifier = Some(database);
        }
        Ok(table)
    }

    /// What only Vitess shows.
    fn show_vitess(&mut self) -> Result<Option<ShowVitess>> {
        if self.accept_words(&["global", "gtid_executed"]) {
            return Ok(Some(ShowVitess::GtidExecuted { from: self.opt_from()? }));
        }
        if self.accept_words(&["global", "vgtid_executed"]) {
            return Ok(Some(ShowVitess::VgtidExecuted { from: self.opt_from()? }));
        }
        if self.accept_words(&["vschema", "tables"]) {
            return Ok(Some(ShowVitess::VschemaTables));
        }
        if self.accept_words(&["vschema", "keyspaces"]) {
            return Ok(Some(ShowVitess::VschemaKeyspaces));
        }
        if self.accept_words(&["vschema", "vindexes"]) {
            let on = self.accept(Kw::On) || self.accept(Kw::From) || self.accept(Kw::In);
            let table = if on { Some(self.table_name()?) } else { None };
            return Ok(Some(ShowVitess::VschemaVindexes { table }));
        }
        if self.accept_words(&["unresolved", "transactions"]) {
            let keyspace = if self.accept(Kw::For) { Some(self.ident()?) } else { None };
            return Ok(Some(ShowVitess::UnresolvedTransactions { keyspace }));
        }
        if self.accept_words(&["transaction", "status"]) {
            self.accept(Kw::For);
            return Ok(Some(ShowVitess::TransactionStatus(self.string_text()?)));
        }
        let word = String::from_utf8_lossy(self.bytes(self.peek(0))).to_ascii_lowercase();
        let vitess = match word.as_str() {
            "keyspaces" | "vitess_keyspaces" => ShowVitess::Keyspaces,
            "vitess_shards" => ShowVitess::Shards,
            "vitess_tablets" => ShowVitess::Tablets,
            "vitess_target" => ShowVitess::Target,
            "vitess_replication_status" => ShowVitess::ReplicationStatus,
            "vitess_throttled_apps" => ShowVitess::ThrottledApps,
            "vitess_throttler" if self.word_is(1, "status") => {
                self.advance();
                ShowVitess::ThrottlerStatus
            }
            "vitess_metadata" if self.word_is(1, "variables") => {
                self.advance();
                ShowVitess::MetadataVariables
            }
            "vitess_migrations" => {
                self.advance();
                return Ok(Some(ShowVitess::Migrations { from: self.opt_from()? }));
            }
            "vitess_migration" => {
                self.advance();
                let uuid = self.string_text()?;
                self.expect_word("logs")?;
                return Ok(Some(ShowVitess::MigrationLogs(uuid)));
            }
            _ => return Ok(None),
        };
        self.advance();
        Ok(Some(vitess))
    }
}
