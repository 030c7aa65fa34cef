//! SHOW.

use super::Printer;
use super::function::scope_name;
use crate::ast::*;

impl Printer {
    pub(super) fn show(&mut self, show: &Show) {
        self.text("show");
        self.comments(&show.comments);
        self.text(" ");
        self.show_kind(&show.kind);
        match &show.filter {
            Some(ShowFilter::Like(pattern)) => {
                self.text(" like ");
                self.string(pattern);
            }
            Some(ShowFilter::Where(condition)) => self.condition(" where ", Some(condition)),
            None => {}
        }
    }

    fn show_kind(&mut self, kind: &ShowKind) {
        match kind {
            ShowKind::Databases => self.text("databases"),
            ShowKind::Tables { full, extended, from } => {
                self.show_in(*extended, *full, "tables", from.as_ref())
            }
            ShowKind::TableStatus { from } => self.show_in(false, false, "table status", from.as_ref()),
            ShowKind::OpenTables { from } => self.show_in(false, false, "open tables", from.as_ref()),
            ShowKind::Triggers { full, from } => self.show_in(false, *full, "triggers", from.as_ref()),
            ShowKind::Events { from } => self.show_in(false, false, "events", from.as_ref()),
            ShowKind::Columns { full, extended, table } => {
                self.show_in(*extended, *full, "columns", None);
                self.show_from(table);
            }
            ShowKind::Indexes { extended, table } => {
                self.show_in(*extended, false, "indexes", None);
                self.show_from(table);
            }
            ShowKind::CreateTable(table) => self.show_create("create table ", table),
            ShowKind::CreateView(view) => self.show_create("create view ", view),
            ShowKind::CreateDatabase { if_not_exists, name } => {
                self.text(if *if_not_exists { "create database if not exists " } else { "create database " });
                self.ident(name);
            }
            ShowKind::CreateOther(word, name) => {
                self.text("create ");
                self.bytes(word.as_bytes());
                self.show_create(" ", name);
            }
            ShowKind::Variables { scope } => self.scoped(*scope, "variables"),
            ShowKind::Status { scope } => self.scoped(*scope, "status"),
            ShowKind::Charset => self.text("charset"),
            ShowKind::Collation => self.text("collation"),
            ShowKind::Engines => self.text("engines"),
            ShowKind::Plugins => self.text("plugins"),
            ShowKind::Privileges => self.text("privileges"),
            ShowKind::Processlist { full } => self.show_in(false, *full, "processlist", None),
            ShowKind::Warnings { count, limit } => self.diagnostics(*count, "warnings", limit.as_ref()),
            ShowKind::Errors { count, limit } => self.diagnostics(*count, "errors", limit.as_ref()),
            ShowKind::RoutineStatus { function } => {
                self.text(if *function { "function status" } else { "procedure status" });
            }
            ShowKind::Vitess(vitess) => self.show_vitess(vitess),
            ShowKind::Other(raw) => self.raw(raw),
        }
    }

    fn show_in(&mut self, extended: bool, full: bool, what: &str, from: Option<&Ident>) {
        self.text_if(extended, "extended ");
        self.text_if(full, "full ");
        self.text(what);
        if let Some(from) = from {
            self.text(" from ");
            self.ident(from);
        }
    }

    fn show_from(&mut self, table: &TableName) {
        self.text(" from ");
        self.table_name(table);
    }

    fn show_create(&mut self, words: &str, name: &TableName) {
        self.text(words);
        self.table_name(name);
    }

    fn scoped(&mut self, scope: Option<VarScope>, what: &str) {
        if let Some(scope) = scope {
            self.text(scope_name(scope));
            self.text(" ");
        }
        self.text(what);
    }

    fn diagnostics(&mut self, count: bool, what: &str, limit: Option<&Limit>) {
        self.text_if(count, "count(*) ");
        self.text(what);
        self.limit(limit);
    }

    fn show_vitess(&mut self, vitess: &ShowVitess) {
        match vitess {
            ShowVitess::Keyspaces => self.text("vitess_keyspaces"),
            ShowVitess::Shards => self.text("vitess_shards"),
            ShowVitess::Tablets => self.text("vitess_tablets"),
            ShowVitess::Target => self.text("vitess_target"),
            ShowVitess::ReplicationStatus => self.text("vitess_replication_status"),
            ShowVitess::ThrottledApps => self.text("vitess_throttled_apps"),
            ShowVitess::ThrottlerStatus => self.text("vitess_throttler status"),
            ShowVitess::MetadataVariables => self.text("vitess_metadata variables"),
            ShowVitess::Migrations { from } => self.show_in(false, false, "vitess_migrations", from.as_ref()),
            ShowVitess::MigrationLogs(uuid) => {
                self.text("vitess_migration ");
                self.string(uuid);
                self.text(" logs");
            }
            ShowVitess::VschemaTables => self.text("vschema tables"),
            ShowVitess::VschemaKeyspaces => self.text("vschema keyspaces"),
            ShowVitess::VschemaVindexes { table } => {
                self.text("vschema vindexes");
                if let Some(table) = table {
                    self.show_create(" on ", table);
                }
            }
            ShowVitess::GtidExecuted { from } => {
                self.show_in(false, false, "global gtid_executed", from.as_ref());
            }
            ShowVitess::VgtidExecuted { from } => {
                self.show_in(false, false, "global vgtid_executed", from.as_ref());
            }
            ShowVitess::UnresolvedTransactions { keyspace } => {
                self.text("unresolved transactions");
                if let Some(keyspace) = keyspace {
                    self.text(" for ");
                    self.ident(keyspace);
                }
            }
            ShowVitess::TransactionStatus(id) => {
                self.text("transaction status for ");
                self.string(id);
            }
        }
    }
}
