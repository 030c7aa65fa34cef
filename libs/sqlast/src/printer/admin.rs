//! Statements: which one, and the small ones.

use super::Printer;
use super::function::scope_name;
use crate::Text;
use crate::ast::*;

impl Printer {
    pub(super) fn statement(&mut self, statement: &Statement) {
        match statement {
            Statement::Query(query) => self.query(query),
            Statement::Insert(insert) => self.insert(insert),
            Statement::Update(update) => self.update(update),
            Statement::Delete(delete) => self.delete(delete),
            Statement::Set(set) => self.set(set),
            Statement::Show(show) => self.show(show),
            Statement::Explain(explain) => self.explain(explain),
            Statement::LoadData(load) => self.load_data(load),
            Statement::CreateTable(table) => self.create_table(table),
            Statement::AlterTable(alter) => self.alter_table(alter),
            Statement::DropTable(drop) => self.drop_tables(drop),
            Statement::CreateView(view) => self.create_view(view),
            Statement::DropView(drop) => self.drop_view(drop),
            Statement::CreateIndex(index) => self.create_index(index),
            Statement::DropIndex(drop) => self.drop_index(drop),
            Statement::CreateDatabase(database) => self.database("create", database),
            Statement::AlterDatabase(database) => self.database("alter", database),
            Statement::TableMaintenance(maintenance) => self.maintenance(maintenance),
            Statement::Vexplain(vexplain) => self.vexplain(vexplain),
            Statement::AlterVschema(alter) => self.alter_vschema(alter),
            Statement::Migration(migration) => self.migration(migration),
            Statement::Other(other) => self.bytes(other.text.as_bytes()),
            Statement::Empty => {}
            small => self.small_statement(small),
        }
    }

    fn small_statement(&mut self, statement: &Statement) {
        match statement {
            Statement::Begin(begin) => self.begin(begin),
            Statement::Commit(end) => self.transaction_end("commit", *end),
            Statement::Rollback(end) => self.transaction_end("rollback", *end),
            Statement::Savepoint(name) => self.verb("savepoint ", name),
            Statement::RollbackTo(name) => self.verb("rollback to ", name),
            Statement::ReleaseSavepoint(name) => self.verb("release savepoint ", name),
            Statement::Use(None) => self.text("use"),
            Statement::Use(Some(name)) => self.verb("use ", name),
            Statement::Call(call) => self.call(call),
            Statement::Do(exprs) => {
                self.text("do ");
                self.exprs(exprs);
            }
            Statement::Prepare(prepare) => self.prepare(prepare),
            Statement::Execute(execute) => self.execute(execute),
            Statement::Deallocate(name) => self.verb("deallocate prepare ", name),
            Statement::LockTables(locks) => self.lock_tables(locks),
            Statement::UnlockTables => self.text("unlock tables"),
            Statement::Kill(kill) => {
                // A number is what is killed nearly always; a name could be read as the word that says what.
                let plain = matches!(kill.id, Expr::Literal(_) | Expr::Param(_));
                self.text(match (kill.query, plain) {
                    (true, _) => "kill query ",
                    (false, true) => "kill ",
                    (false, false) => "kill connection ",
                });
                self.expr(&kill.id);
            }
            Statement::TruncateTable(table) => {
                self.text("truncate table ");
                self.table_name(table);
            }
            Statement::RenameTable(pairs) => {
                self.text("rename table ");
                self.list(pairs, |p, pair| {
                    p.table_name(&pair.from);
                    p.text(" to ");
                    p.table_name(&pair.to);
                });
            }
            Statement::DropDatabase(drop) => {
                self.text("drop");
                self.comments(&drop.comments);
                self.text(if drop.if_exists { " database if exists " } else { " database " });
                self.ident(&drop.name);
            }
            // The others are printed by `statement`, which calls this last.
            _ => {}
        }
    }

    fn verb(&mut self, verb: &str, name: &Ident) {
        self.text(verb);
        self.ident(name);
    }

    fn begin(&mut self, begin: &Begin) {
        if !begin.start_transaction {
            return self.text("begin");
        }
        self.text("start transaction");
        self.text_if(!begin.modes.is_empty(), " ");
        self.list(&begin.modes, |p, mode| {
            p.text(match mode {
                BeginMode::ConsistentSnapshot => "with consistent snapshot",
                BeginMode::ReadWrite => "read write",
                BeginMode::ReadOnly => "read only",
            });
        });
    }

    fn transaction_end(&mut self, verb: &str, end: TransactionEnd) {
        self.text(verb);
        match end.chain {
            Some(true) => self.text(" and chain"),
            Some(false) => self.text(" and no chain"),
            None => {}
        }
        match end.release {
            Some(true) => self.text(" release"),
            Some(false) => self.text(" no release"),
            None => {}
        }
    }

    fn set(&mut self, set: &Set) {
        self.text("set");
        self.comments(&set.comments);
        self.text(" ");
        self.list(&set.items, |p, item| p.set_item(item));
    }

    fn set_item(&mut self, item: &SetItem) {
        match item {
            SetItem::UserVar(name, value) => {
                self.user_var(name);
                self.text(" = ");
                self.expr(value);
            }
            SetItem::SysVar(var, value) => {
                self.sys_var(var);
                self.text(" = ");
                self.set_value(value);
            }
            SetItem::Names { charset: None, .. } => self.text("names default"),
            SetItem::Names { charset: Some(charset), collation } => {
                self.text("names ");
                self.string(charset);
                if let Some(collation) = collation {
                    self.text(" collate ");
                    self.string(collation);
                }
            }
            SetItem::CharacterSet(charset) => self.character_set(charset.as_ref()),
            SetItem::Transaction { scope, characteristics } => {
                if let Some(scope) = scope {
                    self.text(scope_name(*scope));
                    self.text(" ");
                }
                self.text("transaction ");
                self.list(characteristics, |p, characteristic| p.text(characteristic_text(*characteristic)));
            }
            SetItem::Other(raw) => self.raw(raw),
        }
    }

    /// Words such as ON are values here, though they are reserved.
    fn set_value(&mut self, value: &Expr) {
        match value {
            Expr::Column(word)
                if word.qualifier.is_none()
                    && [&b"on"[..], b"all", b"binary", b"row", b"system"].iter().any(|w| word.name.is(w)) =>
            {
                self.bytes(word.name.as_bytes());
            }
            value => self.expr(value),
        }
    }

    fn character_set(&mut self, charset: Option<&Text>) {
        self.text("character set ");
        match charset {
            Some(charset) => self.string(charset),
            None => self.text("default"),
        }
    }

    fn explain(&mut self, explain: &Explain) {
        self.text("explain");
        self.comments(&explain.comments);
        self.text_if(explain.analyze, " analyze");
        match &explain.format {
            Some(word) if word.is(b"extended") || word.is(b"partitions") => self.verb(" ", word),
            Some(format) => self.verb(" format = ", format),
            None => {}
        }
        if let Some(variable) = &explain.into {
            self.text(" into ");
            self.user_var(variable);
        }
        if let Some(schema) = &explain.schema {
            self.verb(" for schema ", schema);
        }
        self.text(" ");
        match &explain.target {
            ExplainTarget::Statement(statement) => self.statement(statement),
            ExplainTarget::Table { name, column } => {
                self.table_name(name);
                match column {
                    Some(DescribeColumn::Name(column)) => self.verb(" ", column),
                    Some(DescribeColumn::Pattern(pattern)) => {
                        self.text(" ");
                        self.string(pattern);
                    }
                    None => {}
                }
            }
            ExplainTarget::Connection(id) => {
                self.text("for connection ");
                self.expr(id);
            }
        }
    }

    fn call(&mut self, call: &Call) {
        self.text("call");
        self.comments(&call.comments);
        self.text(" ");
        self.table_name(&call.procedure);
        self.paren_list(&call.args, |p, expr| p.expr(expr));
    }

    fn prepare(&mut self, prepare: &Prepare) {
        self.text("prepare");
        self.comments(&prepare.comments);
        self.verb(" ", &prepare.name);
        self.text(" from ");
        match &prepare.source {
            PrepareSource::Text(text) => self.string(text),
            PrepareSource::UserVar(name) => self.user_var(name),
        }
    }

    fn execute(&mut self, execute: &Execute) {
        self.text("execute");
        self.comments(&execute.comments);
        self.verb(" ", &execute.name);
        self.text_if(!execute.using.is_empty(), " using ");
        self.list(&execute.using, |p, name| p.user_var(name));
    }

    fn lock_tables(&mut self, locks: &[LockTable]) {
        self.text("lock tables ");
        self.list(locks, |p, lock| {
            p.table_name(&lock.table);
            if let Some(alias) = &lock.alias {
                p.verb(" as ", alias);
            }
            p.text(match lock.lock {
                TableLock::Read => " read",
                TableLock::ReadLocal => " read local",
                TableLock::Write => " write",
                TableLock::LowPriorityWrite => " low_priority write",
            });
        });
    }
}

fn characteristic_text(characteristic: TransactionCharacteristic) -> &'static str {
    match characteristic {
        TransactionCharacteristic::ReadOnly => "read only",
        TransactionCharacteristic::ReadWrite => "read write",
        TransactionCharacteristic::Isolation(level) => match level {
            Isolation::ReadUncommitted => "isolation level read uncommitted",
            Isolation::ReadCommitted => "isolation level read committed",
            Isolation::RepeatableRead => "isolation level repeatable read",
            Isolation::Serializable => "isolation level serializable",
        },
    }
}
